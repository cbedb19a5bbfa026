// SPDX-License-Identifier: Apache-2.0
#include "model/mrope.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace ppocrvl {

std::vector<std::int32_t> text_positions(std::int32_t first, int count) {
  std::vector<std::int32_t> positions(static_cast<std::size_t>(count));
  std::iota(positions.begin(), positions.end(), first);
  return positions;
}

std::vector<std::int32_t> text_position_planes(std::int32_t first, int count) {
  const std::vector<std::int32_t> positions = text_positions(first, count);
  std::vector<std::int32_t> planes;
  for (int plane = 0; plane < 3; ++plane) {
    planes.insert(planes.end(), positions.begin(), positions.end());
  }
  planes.resize(position_planes * positions.size(), 0);
  return planes;
}

std::vector<std::int32_t> image_position_planes(const ImageGrid &grid, std::int32_t first,
                                                int begin, int count) {
  const auto n = static_cast<std::size_t>(count);
  std::vector<std::int32_t> planes(position_planes * n, 0);
  for (std::size_t i = 0; i < n; ++i) {
    const int token = begin + static_cast<int>(i);
    planes[i] = first;
    planes[n + i] = first + token / grid.cols;
    planes[2 * n + i] = first + token % grid.cols;
  }
  return planes;
}

std::int32_t position_after_image(const ImageGrid &grid, std::int32_t first) {
  return first + std::max(grid.rows, grid.cols);
}

} // namespace ppocrvl
