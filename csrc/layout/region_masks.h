// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "layout/feature_map.h"
#include "layout/regions.h"

#include <cstdint>
#include <vector>

namespace ppocrvl::layout {

/// A region's mask where its box lies, in the grid of the prototypes, which covers the page.
struct RegionMask {
  std::int64_t left = 0;
  std::int64_t top = 0;
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::vector<std::uint8_t> pixels; // rows of 0 or 1; none if the box has no area in the grid
};

/// The place of a region's mask: the box, made larger to whole pixels of the page, then rounded to
/// the grid. transformers cuts masks by boxes without their fractions, PaddleX by rounded ones;
/// this holds both. All pixels are 0.
RegionMask empty_mask(const Region &region, const FeatureMap &prototypes, std::int64_t page_width,
                      std::int64_t page_height);

/// Sets the pixels where sigmoid(query * prototypes) is above the threshold. Allocates nothing.
void fill_mask(RegionMask &mask, const float *query, const FeatureMap &prototypes, float threshold);

} // namespace ppocrvl::layout
