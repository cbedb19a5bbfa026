// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/kernels.h"

#include <cstdint>

namespace ppocrvl::layout {

/// A feature map in panels (kernels/map_kernels.h), or some channels of one. A list of tokens is a
/// map of height 1. Does not own its memory.
struct FeatureMap {
  float *data = nullptr;
  std::int64_t stride = 0; // numbers from one panel to the next
  std::int64_t n_channels = 0;
  std::int64_t width = 0;
  std::int64_t height = 0;

  [[nodiscard]] std::int64_t n_pixels() const { return width * height; }
  [[nodiscard]] std::int64_t n_panels() const { return kernels::panels_of(n_pixels()); }
  [[nodiscard]] float *panel(std::int64_t index) const { return data + index * stride; }

  [[nodiscard]] float &at(std::int64_t channel, std::int64_t pixel) const {
    return data[pixel / kernels::lanes * stride + channel * kernels::lanes +
                pixel % kernels::lanes];
  }

  /// Some of its channels.
  [[nodiscard]] FeatureMap channels(std::int64_t first, std::int64_t count) const {
    return {data + first * kernels::lanes, stride, count, width, height};
  }

  /// The first pixels of a list of tokens.
  [[nodiscard]] FeatureMap first_pixels(std::int64_t count) const {
    return {data, stride, n_channels, count, 1};
  }
};

} // namespace ppocrvl::layout
