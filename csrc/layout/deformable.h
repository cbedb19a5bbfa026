// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "layout/feature_map.h"

#include <cstdint>
#include <vector>

namespace ppocrvl::layout {

/// A level's values, row-major: [height * width][n_heads * d_head].
struct ValueLevel {
  const float *values;
  std::int64_t width;
  std::int64_t height;
};

/// Deformable attention. Channels of `offsets` are [head][level][point][x, y], those of `weights`
/// [head][level][point] before softmax, those of `references` centre and size in 0..1.
struct Deformable {
  std::vector<ValueLevel> levels;
  FeatureMap references;
  FeatureMap offsets;
  FeatureMap weights;
  FeatureMap out; // n_heads * d_head channels
  std::int64_t n_heads;
  std::int64_t n_points;
};

/// Of some panels of queries. A point is its reference's centre + offset / n_points * size / 2;
/// values are taken bilinearly, with the centre of the first pixel at half a pixel and zeros
/// outside (torch's grid_sample with align_corners=False).
void deformable_attention(const Deformable &task, std::int64_t first_panel, std::int64_t n_panels);

} // namespace ppocrvl::layout
