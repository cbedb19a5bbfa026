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

std::size_t convolution_scratch(const Window &window, std::int64_t n_channels) {
  const std::int64_t sums = Blocks::most_panels * Blocks::row_block * lanes;
  const std::int64_t gathered = is_direct(window)
                                    ? 0
                                    : Blocks::panels_at_once(window, n_channels) *
                                          Blocks::columns_of(window, n_channels) * lanes;
  return static_cast<std::size_t>(sums + gathered) * sizeof(float);
}

std::int64_t convolution_panels(const Window &window, std::int64_t n_channels) {
  return Blocks::panels_at_once(window, n_channels);
}

} // namespace ppocrvl::kernels
