// SPDX-License-Identifier: Apache-2.0
#include "layout/region_masks.h"
#include "tests/check.h"
#include "tests/maps.h"

#include <cmath>
#include <cstdint>
#include <vector>

using ppocrvl::layout::empty_mask;
using ppocrvl::layout::fill_mask;
using ppocrvl::layout::Region;
using ppocrvl::layout::RegionMask;
using ppocrvl::test::Numbers;
using ppocrvl::test::OwnMap;

namespace {

RegionMask mask_of(const OwnMap &grid, std::array<float, 4> box) {
  Region region{};
  region.box = box;
  return empty_mask(region, grid.map, 200, 100); // of the page
}

} // namespace

TEST_CASE("layout masks: a box grows to whole pixels and is rounded to the grid") {
  Numbers numbers(1);
  const OwnMap grid(2, 50, 40, numbers); // 0.25 and 0.4 of a pixel
  const RegionMask mask = mask_of(grid, {10.9F, 6.2F, 42.4F, 23.4F});
  CHECK_EQUAL(mask.left, 2);   // 2.5, to the even one
  CHECK_EQUAL(mask.width, 9);  // to 10.75
  CHECK_EQUAL(mask.top, 2);    // 2.4
  CHECK_EQUAL(mask.height, 8); // to 9.6
  CHECK_EQUAL(mask.pixels.size(), 72U);
  const RegionMask outside = mask_of(grid, {-30.0F, 80.0F, 1e9F, 130.0F});
  CHECK_EQUAL(outside.left, 0);
  CHECK_EQUAL(outside.width, 50);
  CHECK_EQUAL(outside.top, 32);
  CHECK_EQUAL(outside.height, 8);
  for (const auto box : {
           std::array<float, 4>{4.2F, 3, 4.9F, 90},
           {300, 3, 400, 90},
           {9, 9, 2, 90},
           {std::nanf(""), 3, 9, std::nanf("")},
       }) {
    CHECK(mask_of(grid, box).pixels.empty());
  }
}

TEST_CASE("layout masks: pixels above the threshold are set") {
  Numbers numbers(2);
  const OwnMap grid(3, 50, 40, numbers);
  const std::vector<float> query = {1.5F, -2.0F, 0.5F};
  for (const float threshold : {0.0F, 0.3F, 0.5F, 1.0F}) {
    RegionMask mask = mask_of(grid, {40, 10, 190, 90});
    fill_mask(mask, query.data(), grid.map, threshold);
    bool is_right = !mask.pixels.empty();
    for (std::int64_t y = 0; y < mask.height; ++y) {
      for (std::int64_t x = 0; x < mask.width; ++x) {
        const std::int64_t pixel = (mask.top + y) * 50 + mask.left + x;
        double sum = 0;
        for (std::int64_t channel = 0; channel < 3; ++channel) {
          sum += static_cast<double>(query[static_cast<std::size_t>(channel)]) *
                 static_cast<double>(grid.map.at(channel, pixel));
        }
        const bool is_set = 1.0 / (1.0 + std::exp(-sum)) > static_cast<double>(threshold);
        is_right = is_right &&
                   mask.pixels[static_cast<std::size_t>(y * mask.width + x)] == (is_set ? 1 : 0);
      }
    }
    CHECK(is_right);
  }
}
