// SPDX-License-Identifier: Apache-2.0
#include "layout/layer_norm.h"
#include "tests/check.h"
#include "tests/maps.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

using ppocrvl::test::is_near;
using ppocrvl::test::Numbers;
using ppocrvl::test::OwnMap;

TEST_CASE("layout norm: each pixel over its channels") {
  Numbers numbers(10);
  const std::int64_t n_channels = 24;
  const OwnMap in(n_channels, 50, 1, numbers);
  const OwnMap out(n_channels, 50, 1, numbers);
  const std::vector<float> weight = numbers.some(n_channels);
  const std::vector<float> bias = numbers.some(n_channels);
  ppocrvl::layout::layer_norm(in.map, out.map, weight.data(), bias.data(), 1e-3F, 0, 2);
  bool is_right = true;
  for (std::int64_t pixel = 0; pixel < 50; ++pixel) {
    double mean = 0;
    double square = 0;
    for (std::int64_t channel = 0; channel < n_channels; ++channel) {
      const auto value = static_cast<double>(in.map.at(channel, pixel));
      mean += value / 24;
      square += value * value / 24;
    }
    for (std::int64_t channel = 0; channel < n_channels; ++channel) {
      const auto i = static_cast<std::size_t>(channel);
      const double expected = (static_cast<double>(in.map.at(channel, pixel)) - mean) /
                                  std::sqrt(square - mean * mean + 1e-3) *
                                  static_cast<double>(weight[i]) +
                              static_cast<double>(bias[i]);
      is_right = is_right && is_near(static_cast<double>(out.map.at(channel, pixel)), expected);
    }
  }
  CHECK(is_right);
}
