// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vision/pixels.h"

#include <cstddef>
#include <cstdint>
#include <vector>

// Positions of multimodal rotary embedding (M-RoPE): a text token at p has t = h = w = p; the image
// token at (row, col) of a picture that starts at p has t = p, h = p + row, w = p + col.

namespace ppocrvl {

/// Positions of `count` text tokens from `first` on; libllama spreads each over the planes.
std::vector<std::int32_t> text_positions(std::int32_t first, int count);

constexpr std::size_t position_planes = 4;

/// The same as image tokens have them, for text whose embeddings are given.
std::vector<std::int32_t> text_position_planes(std::int32_t first, int count);

/// Positions of image tokens [begin, begin + count) in raster order, as four planes one after the
/// other: t, h, w and a zero plane that the model does not use. `begin + count <= grid.tokens()`.
std::vector<std::int32_t> image_position_planes(const ImageGrid &grid, std::int32_t first,
                                                int begin, int count);

/// Position of the first text token after a picture that started at `first`.
std::int32_t position_after_image(const ImageGrid &grid, std::int32_t first);

} // namespace ppocrvl
