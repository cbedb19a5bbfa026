// SPDX-License-Identifier: Apache-2.0
#include "mtmd/gelu_tanh.h"

#include <algorithm>
#include <cstring>

namespace ppocrvl {

namespace {

/// exp(x) to about one unit in the last place for |x| <= 87. Without a call or a branch, so that
/// the compiler turns the loop round it into vector instructions.
inline float exponential(float x) {
  // x = n ln 2 + r, |r| <= ln 2 / 2: adding 1.5 * 2^23 rounds to the integer n and leaves it in the
  // lowest bits. ln 2 is split in two so that n times its first part is exact.
  constexpr float log2_e = 1.44269504F;
  constexpr float round_to_integer = 12582912.0F;
  constexpr float ln2_high = 0.693359375F;
  constexpr float ln2_low = -2.12194440e-4F;
  const float shifted = x * log2_e + round_to_integer;
  const float n = shifted - round_to_integer;
  const float r = (x - n * ln2_high) - n * ln2_low;
  // Taylor's series to r^7: the rest is below 6e-9.
  float power = 1.0F / 5040.0F;
  power = power * r + 1.0F / 720.0F;
  power = power * r + 1.0F / 120.0F;
  power = power * r + 1.0F / 24.0F;
  power = power * r + 1.0F / 6.0F;
  power = power * r + 0.5F;
  power = power * r + 1.0F;
  power = power * r + 1.0F;
  std::uint32_t bits = 0;
  std::memcpy(&bits, &shifted, sizeof bits);
  constexpr std::uint32_t exponent_bias = 127;
  constexpr std::uint32_t mantissa_bits = 23;
  bits = (bits + exponent_bias) << mantissa_bits;
  float scale = 0.0F;
  std::memcpy(&scale, &bits, sizeof scale);
  return power * scale;
}

} // namespace

void add_bias_gelu_tanh(float *values, const float *bias, std::int64_t count) {
  constexpr float twice_sqrt_2_over_pi = 1.59576912F;
  constexpr float cubic = 0.044715F;
  constexpr float limit = 87.0F; // beyond it the sigmoid is 0 or 1 to float32
  for (std::int64_t i = 0; i < count; ++i) {
    const float x = values[i] + bias[i];
    const float u = twice_sqrt_2_over_pi * (x + cubic * x * x * x);
    values[i] = x / (1.0F + exponential(std::min(std::max(-u, -limit), limit)));
  }
}

} // namespace ppocrvl
