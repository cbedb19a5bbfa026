// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ppocrvl {

/// An RGB picture at the exact size the encoder sees; rows top to bottom, R G B interleaved.
struct RgbImage {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> pixels; // [height, width, 3]
};

/// Rows and columns of image tokens, that is of merged patches.
struct ImageGrid {
  int rows = 0;
  int cols = 0;

  [[nodiscard]] int tokens() const { return rows * cols; }
};

/// Refuses (ErrorKind::image) a picture whose sides are no multiples of `token_side` pixels, that
/// is larger than the encoder can index, or whose buffer does not fit its size.
ImageGrid image_grid(const RgbImage &image, int token_side);

/// The encoder's input value for each of the 256 byte values of each channel, computed as the
/// reference does: float32(byte * (1/255) in float64), then (v - mean) / std in float32
/// (transformers, image_transforms.py: rescale, normalize).
class NormalizationTable {
public:
  NormalizationTable(const std::array<float, 3> &mean, const std::array<float, 3> &std);

  [[nodiscard]] float value(std::size_t channel, std::uint8_t byte) const {
    return values_[channel][byte];
  }

  /// float32 [height, width, 3] of a picture.
  [[nodiscard]] std::vector<float> apply(const RgbImage &image) const;

private:
  std::array<std::array<float, 256>, 3> values_{};
};

} // namespace ppocrvl
