// SPDX-License-Identifier: Apache-2.0
#include "layout/halved_page.h"
#include "tests/check.h"

#include <cstdint>
#include <vector>

using ppocrvl::layout::HalvedPage;
using ppocrvl::layout::PageImage;
using ppocrvl::layout::Workers;

namespace {

/// A grey page from its values.
std::vector<std::uint8_t> grey(const std::vector<int> &values) {
  std::vector<std::uint8_t> pixels;
  for (const int value : values) {
    pixels.insert(pixels.end(), 3, static_cast<std::uint8_t>(value));
  }
  return pixels;
}

} // namespace

TEST_CASE("layout pixels: a page is halved by rounded means, odd sides by what there is") {
  const std::vector<std::uint8_t> pixels =
      grey({0, 1, 10, 2, 9, 3, 11, 250, 255, 7, 4, 5, 6, 7, 8});
  const PageImage page{pixels.data(), 5, 3};
  Workers workers(2);
  const HalvedPage halved(page, 2, 1, workers);
  CHECK_EQUAL(halved.page().width, 3);
  CHECK_EQUAL(halved.page().height, 2);
  const std::vector<std::uint8_t> expected = grey({4, 129, 8, 5, 7, 8}); // 3.75, 129.25, 4.5, 6.5
  CHECK(std::vector<std::uint8_t>(halved.page().pixels, halved.page().pixels + 18) == expected);
}

TEST_CASE("layout pixels: a page is halved while both sides are twice as large") {
  const std::vector<std::uint8_t> pixels(static_cast<std::size_t>(3) * 41 * 19, 9);
  const PageImage page{pixels.data(), 41, 19};
  Workers workers(1);
  const HalvedPage twice(page, 5, 4, workers); // 41 x 19, 21 x 10, 11 x 5
  CHECK_EQUAL(twice.page().width, 11);
  CHECK_EQUAL(twice.page().height, 5);
  const HalvedPage never(page, 5, 10, workers);
  CHECK(never.page().pixels == page.pixels);
}
