// SPDX-License-Identifier: Apache-2.0
//
// Functions of one number, without a call or a branch, so that the compiler turns loops over lanes
// into vector instructions.
#pragma once

#include <cstdint>
#include <cstring>

namespace ppocrvl::kernels {

/// `Kind` is a type that the including file keeps to itself, and so are these functions: each such
/// file is compiled for another kind of CPU, and the linker must not take one's for another.
template <typename Kind> struct Scalar {
  static std::uint32_t bits_of(float value) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
  }

  static float float_of(std::uint32_t bits) {
    float value = 0.0F;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }

  /// The nearest bfloat16 in the upper half, ties to even; NaN stays NaN.
  static std::uint32_t rounded_to_bf16(float value) {
    const std::uint32_t bits = bits_of(value);
    const std::uint32_t rounded = bits + 0x7FFFU + ((bits >> 16U) & 1U);
    const bool is_nan = (bits & 0x7FFFFFFFU) > 0x7F800000U;
    return (is_nan ? bits | 0x00400000U : rounded) & 0xFFFF0000U;
  }

  /// Of a float16. Multiplying by 2^112 moves the exponent, also that of denormal numbers.
  static float float_of_f16(std::uint16_t value) {
    const std::uint32_t magnitude = (value & 0x7FFFU) << 13U;
    const float moved = float_of(magnitude) * 5.192296858534828e33F;
    const bool is_finite = magnitude < 0x0F800000U;
    const std::uint32_t bits = is_finite ? bits_of(moved) : magnitude | 0x7F800000U;
    return float_of(bits | ((value & 0x8000U) << 16U));
  }

  /// 2^x for -126 <= x <= 127, 2^-126 below. To about one unit in the last place; for results that
  /// are rounded to bfloat16 (`is_rough`) to 4e-5.
  template <bool is_rough> static float power_of_two(float x) {
    // x = n + r, |r| <= 1/2: adding 1.5 * 2^23 rounds to the integer n and leaves it in the lowest
    // bits.
    constexpr float round_to_integer = 12582912.0F;
    constexpr float least = -126.0F;
    x = least > x ? least : x; // in this order NaN stays NaN
    const float shifted = x + round_to_integer;
    const float r = x - (shifted - round_to_integer);
    // Taylor's series, coefficients ln(2)^k / k!.
    float power = 9.61812911e-3F;
    if (!is_rough) {
      power += r * (1.33335581e-3F + r * 1.54035304e-4F);
    }
    power = power * r + 5.55041087e-2F;
    power = power * r + 2.40226507e-1F;
    power = power * r + 6.93147181e-1F;
    power = power * r + 1.0F;
    return power * float_of((bits_of(shifted) + 127U) << 23U);
  }

  /// x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))), written as x times a sigmoid.
  template <bool is_rough> static float gelu_tanh(float x) {
    constexpr float twice_sqrt_2_over_pi_log2_e = 2.30220819F;
    constexpr float limit = 126.0F;
    float u = -twice_sqrt_2_over_pi_log2_e * (x + 0.044715F * x * x * x);
    u = limit < u ? limit : u;
    return x / (1.0F + power_of_two<is_rough>(u));
  }
};

} // namespace ppocrvl::kernels
