// SPDX-License-Identifier: Apache-2.0
#include "layout/halved_page.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace ppocrvl::layout {
namespace {

void halve_row(const PageImage &page, std::int64_t y, std::uint8_t *out) {
  const std::int64_t n_rows = std::min<std::int64_t>(2, page.height - 2 * y);
  for (std::int64_t x = 0; 2 * x < page.width; ++x) {
    const std::int64_t n_columns = std::min<std::int64_t>(2, page.width - 2 * x);
    for (std::int64_t channel = 0; channel < 3; ++channel) {
      std::int64_t sum = 0;
      for (std::int64_t row = 0; row < n_rows; ++row) {
        for (std::int64_t column = 0; column < n_columns; ++column) {
          sum += page.pixels[((2 * y + row) * page.width + 2 * x + column) * 3 + channel];
        }
      }
      const std::int64_t count = n_rows * n_columns;
      *out++ = static_cast<std::uint8_t>((sum + count / 2) / count);
    }
  }
}

} // namespace

HalvedPage::HalvedPage(const PageImage &page, std::int64_t width, std::int64_t height,
                       Workers &workers)
    : page_(page) {
  while (page_.width >= 2 * width && page_.height >= 2 * height) {
    const std::int64_t half_width = (page_.width + 1) / 2;
    const std::int64_t half_height = (page_.height + 1) / 2;
    std::vector<std::uint8_t> half(static_cast<std::size_t>(3 * half_width * half_height));
    workers.run(half_height, [&](std::int64_t y, int) {
      halve_row(page_, y, half.data() + 3 * half_width * y);
    });
    pixels_ = std::move(half);
    page_ = {pixels_.data(), half_width, half_height};
  }
}

} // namespace ppocrvl::layout
