// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mtmd/vision_graph.h"
#include "vision/pixels.h"

#include <vector>

namespace ppocrvl {

/// A picture and its grid.
struct GriddedImage {
  const RgbImage *image = nullptr;
  ImageGrid grid;
};

/// Several pictures as one that is a single cell (28 pixels) wide, so that the encoder's linear
/// layers see one long matrix: the cells of the first picture in raster order, one below the other,
/// then those of the second. Each picture begins with a new panel of patches; cells in between are
/// empty.
struct Strip {
  std::vector<StripPicture> pictures;
  std::vector<int> first_cells; // of each picture
  int n_cells = 0;
  int token_side = 0;        // of a cell, in pixels
  std::vector<float> values; // [n_cells * token_side, token_side, 3]
};

/// Patches that a picture takes in a strip, with those behind it that are empty.
int patches_in_strip(const ImageGrid &grid);

/// All grids' cells must be equally large.
Strip make_strip(const std::vector<GriddedImage> &images, const NormalizationTable &normalization);

} // namespace ppocrvl
