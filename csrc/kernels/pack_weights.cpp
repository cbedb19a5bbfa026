// SPDX-License-Identifier: Apache-2.0
#include "kernels/map_kernels.h"
#include "kernels/map_panels.h"

namespace ppocrvl::kernels {
namespace {

/// The sizes of blocks are the same for all CPUs.
struct AnyProduct {
  static constexpr std::int64_t group = map_group;
  static constexpr std::int64_t run = 1;
};

using Blocks = MapPanels<AnyProduct>;

} // namespace

void pack_weights(const float *rows, std::int64_t n_rows, std::int64_t n_columns, float *packed) {
  for (std::int64_t first = 0; first < n_rows; first += map_group) {
    for (std::int64_t column = 0; column < n_columns; ++column) {
      for (std::int64_t i = 0; i < map_group; ++i) {
        *packed++ = first + i < n_rows ? rows[(first + i) * n_columns + column] : 0.0F;
      }
    }
  }
}

std::size_t convolution_scratch(std::int64_t n_columns) {
  const std::int64_t numbers = Blocks::most_panels * Blocks::row_block * lanes +
                               Blocks::panels_at_once(n_columns) * n_columns * lanes;
  return static_cast<std::size_t>(numbers) * sizeof(float);
}

std::int64_t convolution_panels(std::int64_t n_columns) {
  return Blocks::panels_at_once(n_columns);
}

} // namespace ppocrvl::kernels
