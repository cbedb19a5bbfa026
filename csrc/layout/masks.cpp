// SPDX-License-Identifier: Apache-2.0
#include "layout/masks.h"

#include <algorithm>
#include <cmath>

namespace ppocrvl::layout {

void MaskExtent::join(const MaskExtent &other) {
  left = std::min(left, other.left);
  top = std::min(top, other.top);
  right = std::max(right, other.right);
  bottom = std::max(bottom, other.bottom);
}

void extend(MaskExtent &extent, const float *values, std::int64_t panel, const FeatureMap &map) {
  const std::int64_t first = panel * kernels::lanes;
  const std::int64_t end = std::min(first + kernels::lanes, map.n_pixels());
  for (std::int64_t pixel = first; pixel < end;) {
    const std::int64_t y = pixel / map.width;
    const std::int64_t row_end = std::min(end, (y + 1) * map.width);
    std::int64_t left = pixel;
    while (left < row_end && !(values[left - first] > 0.0F)) {
      ++left;
    }
    if (left < row_end) {
      std::int64_t right = row_end - 1;
      while (!(values[right - first] > 0.0F)) {
        --right;
      }
      extent.join({left - y * map.width, y, right - y * map.width, y});
    }
    pixel = row_end;
  }
}

Box box_of(const MaskExtent &extent, const FeatureMap &map) {
  if (extent.is_empty()) {
    return {0.0F, 0.0F, 0.0F, 0.0F};
  }
  const auto width = static_cast<float>(map.width);
  const auto height = static_cast<float>(map.height);
  const float left = static_cast<float>(extent.left) / width;
  const float top = static_cast<float>(extent.top) / height;
  const float right = static_cast<float>(extent.right + 1) / width;
  const float bottom = static_cast<float>(extent.bottom + 1) / height;
  return {(left + right) / 2.0F, (top + bottom) / 2.0F, right - left, bottom - top};
}

float inverse_sigmoid(float x) {
  constexpr float least = 1e-5F;
  const float cut = std::min(std::max(x, 0.0F), 1.0F);
  return std::log(std::max(cut, least) / std::max(1.0F - cut, least));
}

} // namespace ppocrvl::layout
