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

/// What of the grid a box covers along one side; nothing if it covers no pixel of the page.
Range covered(float from, float to, std::int64_t page, std::int64_t grid) {
  const float scale = static_cast<float>(grid) / static_cast<float>(page);
  const auto cut = [](float value) { return std::isfinite(value) ? std::trunc(value) : 0.0F; };
  const auto place = [&](float value) {
    const float at = std::nearbyint(cut(value) * scale);
    return static_cast<std::int64_t>(std::clamp(at, 0.0F, static_cast<float>(grid)));
  };
  if (!(cut(to) > cut(from))) {
    return {0, 0};
  }
  return {place(from), std::max(place(from), place(to))};
}

} // namespace

RegionMask empty_mask(const Region &region, const FeatureMap &prototypes, std::int64_t page_width,
                      std::int64_t page_height) {
  const Range x = covered(region.box[0], region.box[2], page_width, prototypes.width);
  const Range y = covered(region.box[1], region.box[3], page_height, prototypes.height);
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
