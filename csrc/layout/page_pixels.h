// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "layout/feature_map.h"

#include <array>
#include <cstdint>
#include <vector>

namespace ppocrvl::layout {

/// A page's pixels, RGB interleaved, rows top to bottom. Does not own them.
struct PageImage {
  const std::uint8_t *pixels;
  std::int64_t width;
  std::int64_t height;
};

/// Where along one side a pixel of the resized page comes from: four neighbours, those outside cut
/// to the edge, and their weights.
struct CubicTap {
  std::array<std::int64_t, 4> positions;
  std::array<float, 4> weights;
};

/// OpenCV's INTER_CUBIC: a = -0.75, no antialiasing. Not its own code for 8 bits, which rounds the
/// weights to 11 bits: its packages for x86 leave this to Intel's IPP, which does not, so that 4 %
/// of all pixels differ by one level.
std::vector<CubicTap> cubic_taps(std::int64_t from, std::int64_t to);

/// Some rows of the page stretched to a map of three channels, each (value / 255 - mean) / std.
class PagePixels {
public:
  PagePixels(const PageImage &page, const FeatureMap &out, const std::array<float, 3> &mean,
             const std::array<float, 3> &std);

  /// Any thread. `scratch`: `scratch_bytes`.
  void resize_rows(std::int64_t begin, std::int64_t end, float *scratch) const;

  static std::size_t scratch_bytes(const FeatureMap &out) {
    return static_cast<std::size_t>(12 * out.width) * sizeof(float);
  }

private:
  PageImage page_;
  FeatureMap out_;
  std::vector<CubicTap> columns_;
  std::vector<CubicTap> rows_;
  std::array<std::array<float, 256>, 3> values_{};
};

} // namespace ppocrvl::layout
