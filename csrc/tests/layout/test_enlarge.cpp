// SPDX-License-Identifier: Apache-2.0
#include "layout/enlarge.h"
#include "tests/check.h"
#include "tests/maps.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

using ppocrvl::layout::enlarge_bilinear;
using ppocrvl::layout::enlarge_nearest;
using ppocrvl::layout::FeatureMap;
using ppocrvl::test::is_near;
using ppocrvl::test::Numbers;
using ppocrvl::test::OwnMap;

namespace {

double bilinear(const FeatureMap &in, std::int64_t channel, std::int64_t x, std::int64_t y) {
  const double at_x = std::max(0.0, (static_cast<double>(x) + 0.5) / 2 - 0.5);
  const double at_y = std::max(0.0, (static_cast<double>(y) + 0.5) / 2 - 0.5);
  double sum = 0;
  for (std::int64_t row = 0; row < in.height; ++row) {
    for (std::int64_t column = 0; column < in.width; ++column) {
      // Behind the last pixel is the last again.
      const double near_x =
          std::max(0.0, 1 - std::abs(std::min(at_x, static_cast<double>(in.width - 1)) -
                                     static_cast<double>(column)));
      const double near_y =
          std::max(0.0, 1 - std::abs(std::min(at_y, static_cast<double>(in.height - 1)) -
                                     static_cast<double>(row)));
      sum += near_x * near_y * static_cast<double>(in.at(channel, row * in.width + column));
    }
  }
  return sum;
}

} // namespace

TEST_CASE("layout enlarge: nearest and bilinear, twice as large") {
  Numbers numbers(5);
  for (const auto &[width, height] : {std::pair{1, 1}, {5, 7}, {20, 3}, {25, 25}}) {
    const OwnMap in_parts(6, width, height, numbers);
    const FeatureMap in = in_parts.map.channels(1, 5);
    const OwnMap nearest(5, std::int64_t{2} * width, std::int64_t{2} * height, numbers);
    const OwnMap smooth(5, std::int64_t{2} * width, std::int64_t{2} * height, numbers);
    const OwnMap sum(5, std::int64_t{2} * width, std::int64_t{2} * height, numbers);
    const float before = sum.map.at(2, 3);
    enlarge_nearest(in, nearest.map, 0, nearest.map.n_panels());
    enlarge_bilinear(in, smooth.map, false, 0, smooth.map.n_panels());
    enlarge_bilinear(in, sum.map, true, 0, sum.map.n_panels());
    bool is_right = is_near(sum.map.at(2, 3), before + smooth.map.at(2, 3));
    for (std::int64_t channel = 0; channel < 5; ++channel) {
      for (std::int64_t pixel = 0; pixel < nearest.map.n_pixels(); ++pixel) {
        const std::int64_t x = pixel % nearest.map.width;
        const std::int64_t y = pixel / nearest.map.width;
        is_right =
            is_right &&
            nearest.map.at(channel, pixel) == in.at(channel, y / std::int64_t{2} * width + x / 2) &&
            is_near(smooth.map.at(channel, pixel), bilinear(in, channel, x, y));
      }
    }
    CHECK(is_right);
  }
}
