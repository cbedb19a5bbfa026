// SPDX-License-Identifier: Apache-2.0
#include "layout/region_masks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace ppocrvl::layout {
namespace {

using kernels::lanes;

struct Range {
  std::int64_t begin;
  std::int64_t end;
};

/// What of the grid a box reaches along one side; nothing if it has no length.
Range reached(float from, float to, std::int64_t page, std::int64_t grid) {
  if (!(to > from) || !std::isfinite(from) || !std::isfinite(to)) {
    return {0, 0};
  }
  const double scale = static_cast<double>(grid) / static_cast<double>(page);
  const auto place = [&](double pixel) {
    const double at = std::nearbyint(pixel * scale);
    return static_cast<std::int64_t>(std::clamp(at, 0.0, static_cast<double>(grid)));
  };
  return {place(std::floor(static_cast<double>(from))), place(std::ceil(static_cast<double>(to)))};
}

} // namespace

RegionMask empty_mask(const Region &region, const FeatureMap &prototypes, std::int64_t page_width,
                      std::int64_t page_height) {
  const Range x = reached(region.box[0], region.box[2], page_width, prototypes.width);
  const Range y = reached(region.box[1], region.box[3], page_height, prototypes.height);
  RegionMask mask{x.begin, y.begin, x.end - x.begin, y.end - y.begin, {}};
  mask.pixels.assign(static_cast<std::size_t>(mask.width * mask.height), 0);
  return mask;
}

void fill_mask(RegionMask &mask, const float *query, const FeatureMap &prototypes,
               float threshold) {
  const float least = std::log(threshold / (1.0F - threshold)); // infinite for 0 and 1
  std::uint8_t *out = mask.pixels.data();
  for (std::int64_t y = mask.top; y < mask.top + mask.height; ++y) {
    const std::int64_t row_end = y * prototypes.width + mask.left + mask.width;
    for (std::int64_t pixel = row_end - mask.width; pixel < row_end;) {
      const std::int64_t first = pixel % lanes;
      const std::int64_t count = std::min(lanes - first, row_end - pixel);
      const float *values = prototypes.panel(pixel / lanes) + first;
      std::array<float, lanes> sums{};
      for (std::int64_t channel = 0; channel < prototypes.n_channels; ++channel) {
        for (std::int64_t i = 0; i < count; ++i) {
          sums[static_cast<std::size_t>(i)] += query[channel] * values[channel * lanes + i];
        }
      }
      for (std::int64_t i = 0; i < count; ++i) {
        *out++ = sums[static_cast<std::size_t>(i)] > least ? 1 : 0;
      }
      pixel += count;
    }
  }
}

} // namespace ppocrvl::layout
