// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "layout/page_pixels.h"
#include "layout/workers.h"

#include <cstdint>
#include <vector>

namespace ppocrvl::layout {

/// A page halved as often as both sides are at least twice as large as is wanted: each pixel is the
/// rounded mean of 2 x 2, at the edge of an odd side of those that there are. At most a quarter of
/// the page's memory, and a sixteenth.
class HalvedPage {
public:
  HalvedPage(const PageImage &page, std::int64_t width, std::int64_t height, Workers &workers);

  /// The page itself if it is small enough; as long as that and this live.
  [[nodiscard]] const PageImage &page() const { return page_; }

private:
  std::vector<std::uint8_t> pixels_;
  PageImage page_;
};

} // namespace ppocrvl::layout
