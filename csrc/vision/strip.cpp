// SPDX-License-Identifier: Apache-2.0
#include "vision/strip.h"

#include "kernels/kernels.h"

#include <cstddef>
#include <cstdint>

namespace ppocrvl {
namespace {

constexpr int cell_side = 2; // in patches
constexpr int patches_per_cell = cell_side * cell_side;

/// Appends the values of a picture, cell by cell.
void append_cells(std::vector<float> &out, const GriddedImage &picture, int token_side,
                  const NormalizationTable &normalization) {
  const auto side = static_cast<std::size_t>(token_side);
  const std::vector<float> values = normalization.apply(*picture.image);
  const std::size_t row_length = static_cast<std::size_t>(picture.image->width) * 3;
  const std::size_t cell_length = side * 3;
  for (int row = 0; row < picture.grid.rows; ++row) {
    for (int col = 0; col < picture.grid.cols; ++col) {
      for (std::size_t y = 0; y < side; ++y) {
        const float *from = values.data() +
                            (static_cast<std::size_t>(row) * side + y) * row_length +
                            static_cast<std::size_t>(col) * cell_length;
        out.insert(out.end(), from, from + cell_length);
      }
    }
  }
}

} // namespace

int patches_in_strip(const ImageGrid &grid) {
  return static_cast<int>(kernels::panels_of(std::int64_t{grid.tokens()} * patches_per_cell) *
                          kernels::lanes);
}

Strip make_strip(const std::vector<GriddedImage> &images, const NormalizationTable &normalization) {
  Strip strip;
  const int token_side = images.front().image->width / images.front().grid.cols;
  strip.token_side = token_side;
  for (const GriddedImage &picture : images) {
    strip.pictures.push_back({
        static_cast<std::int64_t>(strip.n_cells) * patches_per_cell,
        static_cast<std::int64_t>(picture.grid.rows) * cell_side,
        static_cast<std::int64_t>(picture.grid.cols) * cell_side,
    });
    strip.first_cells.push_back(strip.n_cells);
    strip.n_cells += patches_in_strip(picture.grid) / patches_per_cell;
  }
  const auto cell_size =
      static_cast<std::size_t>(token_side) * static_cast<std::size_t>(token_side) * 3;
  strip.values.reserve(static_cast<std::size_t>(strip.n_cells) * cell_size);
  for (const GriddedImage &picture : images) {
    append_cells(strip.values, picture, token_side, normalization);
    const int spare = patches_in_strip(picture.grid) / patches_per_cell - picture.grid.tokens();
    strip.values.resize(strip.values.size() + static_cast<std::size_t>(spare) * cell_size);
  }
  return strip;
}

} // namespace ppocrvl
