// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "layout/feature_map.h"

#include <cstdint>
#include <vector>

namespace ppocrvl::layout {

/// Where a mask is above zero: first and last column and row. Empty: last is before first.
struct MaskExtent {
  std::int64_t left = INT64_MAX;
  std::int64_t top = INT64_MAX;
  std::int64_t right = -1;
  std::int64_t bottom = -1;

  [[nodiscard]] bool is_empty() const { return right < left; }
  void join(const MaskExtent &other);
};

/// Adds what one panel of a map shows: `values` are its 32 pixels, of `panel`.
void extend(MaskExtent &extent, const float *values, std::int64_t panel, const FeatureMap &map);

/// Centre and size of an extent in 0..1 of the map; from the first column and row to behind the
/// last. All zeros if it is empty.
struct Box {
  float x;
  float y;
  float width;
  float height;
};
Box box_of(const MaskExtent &extent, const FeatureMap &map);

/// ln(x / (1 - x)) with both at least 1e-5, of x cut to 0..1.
float inverse_sigmoid(float x);

} // namespace ppocrvl::layout
