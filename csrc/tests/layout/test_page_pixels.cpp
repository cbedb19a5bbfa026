// SPDX-License-Identifier: Apache-2.0
#include "layout/page_pixels.h"
#include "tests/check.h"
#include "tests/maps.h"

#include <cstddef>
#include <cstdint>
#include <vector>

using ppocrvl::layout::cubic_taps;
using ppocrvl::layout::CubicTap;
using ppocrvl::layout::PageImage;
using ppocrvl::layout::PagePixels;
using ppocrvl::test::Numbers;
using ppocrvl::test::OwnMap;

TEST_CASE("layout pixels: taps of OpenCV's bicubic filter") {
  // Half the size: each pixel lies between two, where the filter is -3/32, 19/32, 19/32, -3/32.
  const std::vector<CubicTap> half = cubic_taps(8, 4);
  CHECK(half[1].weights == (std::array<float, 4>{-0.09375F, 0.59375F, 0.59375F, -0.09375F}));
  CHECK(half[1].positions == (std::array<std::int64_t, 4>{1, 2, 3, 4}));
  CHECK(half[0].positions == (std::array<std::int64_t, 4>{0, 0, 1, 2})); // cut to the edge
  CHECK(half[3].positions == (std::array<std::int64_t, 4>{5, 6, 7, 7}));
  // The same size: nothing changes.
  CHECK(cubic_taps(5, 5)[2].weights == (std::array<float, 4>{0, 1, 0, 0}));
}

TEST_CASE("layout pixels: a page of the model's size is only normalised") {
  Numbers numbers(8);
  const OwnMap out(3, 40, 33, numbers);
  std::vector<std::uint8_t> bytes(3 * 40 * 33);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(i * 7 % 256);
  }
  const PagePixels pixels({bytes.data(), 40, 33}, out.map, {0.0F, 0.5F, 0.0F}, {1.0F, 1.0F, 0.5F});
  std::vector<float> scratch(PagePixels::scratch_bytes(out.map) / sizeof(float));
  pixels.resize_rows(0, 20, scratch.data());
  pixels.resize_rows(20, 33, scratch.data());
  bool is_right = true;
  for (std::int64_t pixel = 0; pixel < 40 * 33; ++pixel) {
    const auto value = [&](std::int64_t channel) {
      return static_cast<float>(bytes[static_cast<std::size_t>(3 * pixel + channel)]) / 255.0F;
    };
    is_right = is_right && out.map.at(0, pixel) == value(0) &&
               out.map.at(1, pixel) == value(1) - 0.5F && out.map.at(2, pixel) == value(2) / 0.5F;
  }
  CHECK(is_right);
}

TEST_CASE("layout pixels: a page of one pixel fills the model's input") {
  Numbers numbers(9);
  const OwnMap out(3, 32, 32, numbers);
  const std::vector<std::uint8_t> white(3, 255);
  const PagePixels pixels({white.data(), 1, 1}, out.map, {}, {1.0F, 1.0F, 1.0F});
  std::vector<float> scratch(PagePixels::scratch_bytes(out.map) / sizeof(float));
  pixels.resize_rows(0, 32, scratch.data());
  bool is_right = true;
  for (std::int64_t pixel = 0; pixel < 32 * 32; ++pixel) {
    is_right = is_right && out.map.at(0, pixel) == 1.0F && out.map.at(2, pixel) == 1.0F;
  }
  CHECK(is_right);
}
