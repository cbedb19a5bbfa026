// SPDX-License-Identifier: Apache-2.0
#include "tests/check.h"
#include "vision/pixels.h"

using ppocrvl::ErrorKind;
using ppocrvl::image_grid;
using ppocrvl::NormalizationTable;
using ppocrvl::RgbImage;

namespace {

RgbImage blank(int width, int height) {
  return {
      width,
      height,
      std::vector<std::uint8_t>(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) *
                                3),
  };
}

} // namespace

TEST_CASE("pixels: a picture's grid has rows from the height") {
  const auto grid = image_grid(blank(84, 56), 28);
  CHECK_EQUAL(grid.rows, 2);
  CHECK_EQUAL(grid.cols, 3);
  CHECK_EQUAL(grid.tokens(), 6);
}

TEST_CASE("pixels: sizes that the encoder cannot take are refused") {
  CHECK_THROWS_KIND(ErrorKind::image, image_grid(blank(28, 27), 28));
  CHECK_THROWS_KIND(ErrorKind::image, image_grid(blank(27, 28), 28));
  CHECK_THROWS_KIND(ErrorKind::image, image_grid(RgbImage{0, 28, {}}, 28));
  CHECK_THROWS_KIND(ErrorKind::image, image_grid(RgbImage{-28, -28, {}}, 28));
  CHECK_THROWS_KIND(ErrorKind::image, image_grid(blank(28 * 1643, 28), 28));         // side
  CHECK_THROWS_KIND(ErrorKind::image, image_grid(RgbImage{28'000, 28'000, {}}, 28)); // area
  CHECK_THROWS_KIND(ErrorKind::image, image_grid(RgbImage{28, 28, {1, 2, 3}}, 28));
}

TEST_CASE("pixels: the table holds the reference's floats") {
  // numpy: ((np.float64(x) * (1 / 255)).astype(np.float32) - mean) / std with float32 mean and std.
  const NormalizationTable half({0.5F, 0.5F, 0.5F}, {0.5F, 0.5F, 0.5F});
  CHECK_EQUAL(half.value(0, 0), -1.0F);
  CHECK_EQUAL(half.value(1, 255), 1.0F);
  CHECK_EQUAL(half.value(2, 127), -0.00392156839F);
  CHECK_EQUAL(half.value(2, 200), 0.568627477F);
  const NormalizationTable clip({0.48145466F, 0.4578275F, 0.40821073F},
                                {0.26862954F, 0.26130258F, 0.27577711F});
  CHECK_EQUAL(clip.value(0, 0), -1.79226255F);
  CHECK_EQUAL(clip.value(1, 100), -0.251320273F);
  CHECK_EQUAL(clip.value(2, 255), 2.14589691F);
}

TEST_CASE("pixels: each channel uses its own mean and deviation") {
  const NormalizationTable table({0.0F, 0.5F, 1.0F}, {1.0F, 0.5F, 0.25F});
  const RgbImage image{1, 2, {255, 255, 255, 0, 0, 0}};
  CHECK(table.apply(image) == (std::vector<float>{1.0F, 1.0F, 0.0F, 0.0F, -1.0F, -4.0F}));
}
