// SPDX-License-Identifier: Apache-2.0
#include "layout/page_pixels.h"
#include "tests/check.h"
#include "tests/maps.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

using ppocrvl::layout::cubic_taps;
using ppocrvl::layout::CubicTap;
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
  std::vector<std::uint8_t> bytes(std::size_t{3} * 40 * 33);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(i * 7 % 256);
  }
  const PagePixels pixels({bytes.data(), 40, 33}, out.map, {0.0F, 0.5F, 0.0F}, {1.0F, 1.0F, 0.5F});
  std::vector<float> scratch(PagePixels::scratch_bytes(out.map) / sizeof(float));
  pixels.resize_rows(0, 20, scratch.data());
  pixels.resize_rows(20, 33, scratch.data());
  bool is_right = true;
  for (std::int64_t pixel = 0; pixel < std::int64_t{40} * 33; ++pixel) {
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
  for (std::int64_t pixel = 0; pixel < std::int64_t{32} * 32; ++pixel) {
    is_right = is_right && out.map.at(0, pixel) == 1.0F && out.map.at(2, pixel) == 1.0F;
  }
  CHECK(is_right);
}

namespace {

/// Bytes of a page of 9 x 7 pixels, resized.
std::vector<int> resized(std::int64_t width, std::int64_t height) {
  std::vector<std::uint8_t> bytes(std::size_t{9} * 7 * 3);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>((i * 37 + i * i % 101) % 256);
  }
  Numbers numbers(12);
  const OwnMap out(3, width, height, numbers);
  constexpr float level = 1.0F / 255.0F;
  const PagePixels pixels({bytes.data(), 9, 7}, out.map, {}, {level, level, level});
  std::vector<float> scratch(PagePixels::scratch_bytes(out.map) / sizeof(float));
  pixels.resize_rows(0, height, scratch.data());
  std::vector<int> levels;
  for (std::int64_t pixel = 0; pixel < width * height; ++pixel) {
    for (std::int64_t channel = 0; channel < 3; ++channel) {
      levels.push_back(static_cast<int>(std::lround(out.map.at(channel, pixel))));
    }
  }
  return levels;
}

// cv2.resize(page, (width, height), interpolation=cv2.INTER_CUBIC) of OpenCV 4.10 on x86.
const std::vector<int> smaller = {
    133, 110, 137, 7,   59,  69,  210, 22,  82,  151, 147, 62,  130, 162, 113,
    28,  100, 79,  232, 63,  240, 153, 231, 54,  119, 211, 210, 62,  107, 133,
    155, 9,   79,  168, 249, 178, 149, 222, 202, 45,  116, 142, 150, 144, 122,
    112, 124, 99,  174, 170, 163, 132, 128, 197, 108, 77,  190, 96,  102, 118,
};
const std::vector<int> larger = {
    0,   23,  67,  65,  115, 161, 101, 149, 204, 0,   53,  114, 85,  171, 149, 208, 181, 155, 236,
    38,  105, 106, 86,  193, 98,  207, 169, 175, 255, 67,  60,  157, 106, 99,  135, 55,  205, 177,
    0,   163, 58,  77,  180, 140, 157, 122, 152, 165, 0,   36,  43,  76,  133, 114, 191, 142, 144,
    198, 13,  72,  101, 74,  133, 94,  110, 106, 150, 93,  33,  69,  105, 100, 110, 158, 146, 198,
    204, 152, 237, 89,  62,  202, 149, 136, 133, 138, 162, 74,  20,  82,  89,  85,  139, 139, 127,
    129, 157, 72,  31,  68,  82,  89,  69,  62,  103, 131, 31,  72,  63,  46,  106, 91,  138, 198,
    161, 223, 255, 45,  82,  19,  51,  120, 107, 120, 112, 215, 228, 32,  251, 124, 70,  231, 76,
    163, 126, 151, 213, 29,  33,  112, 111, 44,  131, 194, 138, 206, 191, 45,  38,  119, 47,  73,
    135, 104, 206, 191, 0,   35,  5,   38,  86,  96,  154, 152, 146, 255, 181, 79,  109, 147, 138,
    42,  162, 188, 171, 215, 162, 201, 83,  97,  158, 67,  122, 100, 164, 174, 127, 160, 58,  103,
    145, 78,  61,  135, 167, 79,  0,   24,  98,  40,  93,  160, 159, 121, 231, 255, 53,  78,  192,
    83,  30,  149, 176, 169, 206, 235, 202, 55,  100, 136, 18,  75,  76,  136, 140, 207, 252, 32,
    168, 194, 70,  50,  71,  172, 218, 3,   49,  147, 20,  83,  119, 115, 158, 190, 248, 228, 88,
    153, 119, 59,  125, 93,  146, 222, 199, 59,  56,  119, 18,  34,  104, 88,  175, 150, 228, 240,
    90,  182, 166, 117, 56,  57,  179, 198, 150, 15,  105, 77,  39,  73,  81,  125, 180, 212, 232,
    204, 83,  100, 182, 62,  75,  160, 206, 218, 199, 73,  96,  159, 55,  82,  106, 169, 192, 234,
    204, 224, 165, 147, 188, 20,  72,  137, 193, 195, 114, 82,  107, 64,  31,  83,  80,  139, 189,
    191, 241, 76,  79,  232, 42,  64,  141, 144, 205, 220, 52,  166, 190, 38,  157, 101, 124, 188,
    200, 175, 164, 133, 126, 140, 5,   49,  130, 207, 152, 239, 86,  102, 117, 13,  103, 55,  99,
    187, 154, 209, 111, 71,  210, 59,  58,  111, 90,  179, 150, 18,  255, 131, 9,   250, 84,  83,
    158, 162, 169, 22,  111, 115, 48,  12,  14,  151,
};

} // namespace

TEST_CASE("layout pixels: pages are resized as OpenCV does it") {
  CHECK(resized(5, 4) == smaller);
  CHECK(resized(13, 10) == larger);
}
