// SPDX-License-Identifier: Apache-2.0
#include "vision/pixels.h"

#include "support/error.h"

#include <string>

namespace ppocrvl {
namespace {

// clip.cpp asserts on sides above 46,000 and counts floats (3 a pixel) in an int.
constexpr int max_side = 46'000;
constexpr std::size_t max_pixels = std::size_t{1} << 29;

} // namespace

ImageGrid image_grid(const RgbImage &image, int token_side) {
  const auto size_text = std::to_string(image.width) + "x" + std::to_string(image.height);
  if (image.width <= 0 || image.height <= 0 || image.width % token_side != 0 ||
      image.height % token_side != 0) {
    throw Error(ErrorKind::image, "image of " + size_text +
                                      " pixels: both sides must be multiples of " +
                                      std::to_string(token_side) + "; resize it first");
  }
  const auto n_pixels =
      static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height);
  if (image.width > max_side || image.height > max_side || n_pixels > max_pixels) {
    throw Error(ErrorKind::image, "image of " + size_text +
                                      " pixels is larger than the encoder can take; "
                                      "resize it first");
  }
  if (image.pixels.size() != n_pixels * 3) {
    throw Error(ErrorKind::image, "image of " + size_text + " pixels needs " +
                                      std::to_string(n_pixels * 3) + " bytes, got " +
                                      std::to_string(image.pixels.size()));
  }
  return {image.height / token_side, image.width / token_side};
}

NormalizationTable::NormalizationTable(const std::array<float, 3> &mean,
                                       const std::array<float, 3> &std) {
  for (std::size_t channel = 0; channel < 3; ++channel) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const auto rescaled = static_cast<float>(static_cast<double>(byte) * (1.0 / 255.0));
      values_[channel][byte] = (rescaled - mean[channel]) / std[channel];
    }
  }
}

std::vector<float> NormalizationTable::apply(const RgbImage &image) const {
  std::vector<float> values(image.pixels.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = values_[i % 3][image.pixels[i]];
  }
  return values;
}

} // namespace ppocrvl
