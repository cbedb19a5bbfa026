// SPDX-License-Identifier: Apache-2.0
#include "layout/page_pixels.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace ppocrvl::layout {

std::vector<CubicTap> cubic_taps(std::int64_t from, std::int64_t to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  std::vector<CubicTap> taps(static_cast<std::size_t>(to));
  for (std::int64_t i = 0; i < to; ++i) {
    const double at = (static_cast<double>(i) + 0.5) * scale - 0.5;
    const auto position = static_cast<std::int64_t>(std::floor(at));
    const double x = at - static_cast<double>(position);
    constexpr double a = -0.75;
    std::array<double, 4> weights{};
    weights[0] = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a;
    weights[1] = ((a + 2) * x - (a + 3)) * x * x + 1;
    weights[2] = ((a + 2) * (1 - x) - (a + 3)) * (1 - x) * (1 - x) + 1;
    weights[3] = 1 - weights[0] - weights[1] - weights[2];
    CubicTap &tap = taps[static_cast<std::size_t>(i)];
    for (std::size_t k = 0; k < weights.size(); ++k) {
      tap.positions[k] =
          std::clamp<std::int64_t>(position - 1 + static_cast<std::int64_t>(k), 0, from - 1);
      tap.weights[k] = static_cast<float>(weights[k]);
    }
  }
  return taps;
}

PagePixels::PagePixels(const PageImage &page, const FeatureMap &out,
                       const std::array<float, 3> &mean, const std::array<float, 3> &std)
    : page_(page), out_(out), columns_(cubic_taps(page.width, out.width)),
      rows_(cubic_taps(page.height, out.height)) {
  for (std::size_t channel = 0; channel < values_.size(); ++channel) {
    for (std::size_t byte = 0; byte < values_[channel].size(); ++byte) {
      values_[channel][byte] = (static_cast<float>(byte) / 255.0F - mean[channel]) / std[channel];
    }
  }
}

void PagePixels::resize_rows(std::int64_t begin, std::int64_t end, float *scratch) const {
  const std::int64_t length = 3 * out_.width;
  for (std::int64_t y = begin; y < end; ++y) {
    const CubicTap &row = rows_[static_cast<std::size_t>(y)];
    for (std::size_t k = 0; k < row.positions.size(); ++k) {
      const std::uint8_t *from = page_.pixels + row.positions[k] * page_.width * 3;
      std::int64_t to = static_cast<std::int64_t>(k) * length;
      for (const CubicTap &column : columns_) {
        for (std::int64_t channel = 0; channel < 3; ++channel) {
          float sum = 0.0F;
          for (std::size_t i = 0; i < column.positions.size(); ++i) {
            sum += column.weights[i] * static_cast<float>(from[3 * column.positions[i] + channel]);
          }
          scratch[to++] = sum;
        }
      }
    }
    for (std::int64_t i = 0; i < length; ++i) {
      const auto value = [&](std::int64_t k) {
        return scratch[k * length + i] * row.weights[static_cast<std::size_t>(k)];
      };
      const float sum = (value(0) + value(1)) + (value(2) + value(3));
      const auto level = static_cast<std::int64_t>(std::nearbyint(std::clamp(sum, 0.0F, 255.0F)));
      out_.at(i % 3, y * out_.width + i / 3) =
          values_[static_cast<std::size_t>(i % 3)][static_cast<std::size_t>(level)];
    }
  }
}

} // namespace ppocrvl::layout
