// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/map_kernels.h"
#include "layout/feature_map.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace ppocrvl::test {

/// Reproducible numbers from -1 to 1.
class Numbers {
public:
  explicit Numbers(std::uint32_t seed) : engine_(seed) {}

  float next() { return static_cast<float>(engine_() % 20001U) / 10000.0F - 1.0F; }
  std::vector<float> some(std::int64_t count) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float &value : values) {
      value = next();
    }
    return values;
  }
  std::int64_t between(std::int64_t least, std::int64_t most) {
    return least +
           static_cast<std::int64_t>(engine_() % static_cast<std::uint32_t>(most - least + 1));
  }

private:
  std::mt19937 engine_;
};

/// A map with its memory, with noise in the lanes that are no pixels and NaN in the margins: none
/// of that may be used.
class OwnMap {
public:
  OwnMap(std::int64_t n_channels, std::int64_t width, std::int64_t height, Numbers &numbers)
      : memory_(
            static_cast<std::size_t>(2 * kernels::map_margin + kernels::panels_of(width * height) *
                                                                   n_channels * kernels::lanes),
            std::nanf("")) {
    map = {
        memory_.data() + kernels::map_margin,
        n_channels * kernels::lanes,
        n_channels,
        width,
        height,
    };
    for (std::int64_t i = 0; i < map.n_panels() * map.stride; ++i) {
      map.data[i] = numbers.next();
    }
  }

  layout::FeatureMap map;

private:
  std::vector<float> memory_;
};

/// Scratch aligned to 64.
class OwnScratch {
public:
  explicit OwnScratch(std::size_t bytes) : memory_(bytes + 64) {}

  [[nodiscard]] std::byte *data() {
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.data());
    return memory_.data() + (64 - address % 64) % 64;
  }

private:
  std::vector<std::byte> memory_;
};

inline bool is_near(double value, double expected, double tolerance = 1e-5) {
  return std::abs(value - expected) <= tolerance * (1.0 + std::abs(expected));
}

} // namespace ppocrvl::test
