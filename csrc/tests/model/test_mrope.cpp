// SPDX-License-Identifier: Apache-2.0
#include "model/mrope.h"
#include "tests/check.h"

#include <algorithm>
#include <cstddef>

using ppocrvl::image_position_planes;
using ppocrvl::ImageGrid;
using ppocrvl::position_after_image;
using ppocrvl::text_position_planes;
using ppocrvl::text_positions;

TEST_CASE("mrope: planes of a 2x3 picture that starts at 5") {
  const std::vector<std::int32_t> expected = {
      5, 5, 5, 5, 5, 5, // t
      5, 5, 5, 6, 6, 6, // h = first + row
      5, 6, 7, 5, 6, 7, // w = first + column
      0, 0, 0, 0, 0, 0, // unused
  };
  CHECK(image_position_planes({2, 3}, 5, 0, 6) == expected);
}

TEST_CASE("mrope: chunks have the positions of the whole") {
  const ImageGrid grid{7, 5};
  const auto whole = image_position_planes(grid, 11, 0, grid.tokens());
  const auto n = static_cast<std::size_t>(grid.tokens());
  for (int chunk = 1; chunk <= grid.tokens(); ++chunk) {
    for (int begin = 0; begin < grid.tokens(); begin += chunk) {
      const int count = std::min(chunk, grid.tokens() - begin);
      const auto part = image_position_planes(grid, 11, begin, count);
      for (std::size_t plane = 0; plane < 4; ++plane) {
        for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
          CHECK_EQUAL(part[plane * static_cast<std::size_t>(count) + i],
                      whole[plane * n + static_cast<std::size_t>(begin) + i]);
        }
      }
    }
  }
}

TEST_CASE("mrope: text goes on after the longer side") {
  CHECK_EQUAL(position_after_image({2, 3}, 5), 8);
  CHECK_EQUAL(position_after_image({9, 3}, 5), 14);
  CHECK(text_positions(8, 3) == (std::vector<std::int32_t>{8, 9, 10}));
}

TEST_CASE("mrope: text beside pictures has its position on each plane that the model uses") {
  const std::vector<std::int32_t> expected = {
      8, 9, 10, // t
      8, 9, 10, // h
      8, 9, 10, // w
      0, 0, 0,  // unused
  };
  CHECK(text_position_planes(8, 3) == expected);
}
