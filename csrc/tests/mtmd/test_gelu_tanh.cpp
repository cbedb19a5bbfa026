// SPDX-License-Identifier: Apache-2.0
#include "mtmd/gelu_tanh.h"
#include "tests/check.h"

#include <cmath>
#include <cstdint>
#include <vector>

namespace {

/// The definition, in double precision.
double gelu(double x) {
  const double pi = std::acos(-1.0);
  return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / pi) * (x + 0.044715 * x * x * x)));
}

} // namespace

TEST_CASE("gelu: within float32 rounding of the definition") {
  constexpr int middle = 20'000; // -20 to 20 in thousandths
  constexpr int steps = 2 * middle + 1;
  std::vector<float> values;
  std::vector<float> bias;
  for (int i = 0; i < steps; ++i) {
    const float x = static_cast<float>(i - middle) / 1000.0F;
    bias.push_back(static_cast<float>(i % 7) - 3.0F);
    values.push_back(x - bias.back());
  }
  std::vector<double> wanted;
  wanted.reserve(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    wanted.push_back(gelu(static_cast<double>(values[i] + bias[i])));
  }
  ppocrvl::add_bias_gelu_tanh(values.data(), bias.data(), steps);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double error = std::abs(static_cast<double>(values[i]) - wanted[i]);
    CHECK(error <= 1e-7 + 1e-6 * std::abs(wanted[i]));
  }
}

TEST_CASE("gelu: the ends of the range") {
  std::vector<float> values{1e6F, -1e6F, 0.0F, -30.0F, std::nanf("")};
  const std::vector<float> bias(values.size(), 0.0F);
  ppocrvl::add_bias_gelu_tanh(values.data(), bias.data(), static_cast<std::int64_t>(values.size()));
  CHECK(values[0] == 1e6F);
  CHECK(std::abs(values[1]) < 1e-20F);
  CHECK(values[2] == 0.0F);
  CHECK(std::abs(values[3]) < 1e-20F);
  CHECK(std::isnan(values[4]));
}
