// SPDX-License-Identifier: Apache-2.0
#include "layout/results.h"

#include <cstddef>

namespace ppocrvl::layout {

Array map_array(const FeatureMap &map) {
  Array array;
  array.shape = {
      static_cast<std::size_t>(map.n_channels),
      static_cast<std::size_t>(map.height),
      static_cast<std::size_t>(map.width),
  };
  array.values.reserve(static_cast<std::size_t>(map.n_channels * map.n_pixels()));
  for (std::int64_t channel = 0; channel < map.n_channels; ++channel) {
    for (std::int64_t pixel = 0; pixel < map.n_pixels(); ++pixel) {
      array.values.push_back(map.at(channel, pixel));
    }
  }
  return array;
}

Array token_array(const FeatureMap &map) {
  Array array;
  array.shape = {
      static_cast<std::size_t>(map.n_pixels()),
      static_cast<std::size_t>(map.n_channels),
  };
  array.values.reserve(static_cast<std::size_t>(map.n_channels * map.n_pixels()));
  for (std::int64_t token = 0; token < map.n_pixels(); ++token) {
    for (std::int64_t channel = 0; channel < map.n_channels; ++channel) {
      array.values.push_back(map.at(channel, token));
    }
  }
  return array;
}

} // namespace ppocrvl::layout
