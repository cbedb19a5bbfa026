// SPDX-License-Identifier: Apache-2.0
#include "layout/enlarge.h"

#include <algorithm>
#include <array>

namespace ppocrvl::layout {
namespace {

using kernels::lanes;

using Places = std::array<std::int64_t, lanes>;
using Fractions = std::array<float, lanes>;

std::int64_t place(const FeatureMap &map, std::int64_t x, std::int64_t y) {
  const std::int64_t pixel = y * map.width + x;
  return pixel / lanes * map.stride + pixel % lanes;
}

/// How many lanes of a panel are pixels of the map.
std::int64_t lanes_of(const FeatureMap &map, std::int64_t panel) {
  return std::min(lanes, map.n_pixels() - panel * lanes);
}

/// Pixels before and behind a pixel of the larger map along one side, and how near the second is.
struct Neighbours {
  std::int64_t first;
  std::int64_t second;
  float fraction;

  Neighbours(std::int64_t position, std::int64_t length) {
    const float at = std::max(0.0F, (static_cast<float>(position) + 0.5F) * 0.5F - 0.5F);
    first = static_cast<std::int64_t>(at);
    second = std::min(first + 1, length - 1);
    fraction = at - static_cast<float>(first);
  }
};

} // namespace

void enlarge_nearest(const FeatureMap &in, const FeatureMap &out, std::int64_t first_panel,
                     std::int64_t n_panels) {
  for (std::int64_t panel = first_panel; panel < first_panel + n_panels; ++panel) {
    Places places{};
    const std::int64_t n_lanes = lanes_of(out, panel);
    for (std::int64_t lane = 0; lane < n_lanes; ++lane) {
      const std::int64_t pixel = panel * lanes + lane;
      places[static_cast<std::size_t>(lane)] =
          place(in, pixel % out.width / 2, pixel / out.width / 2);
    }
    for (std::int64_t channel = 0; channel < in.n_channels; ++channel) {
      const float *from = in.data + channel * lanes;
      float *to = out.panel(panel) + channel * lanes;
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        to[lane] = from[places[lane]];
      }
    }
  }
}

void enlarge_bilinear(const FeatureMap &in, const FeatureMap &out, bool sum,
                      std::int64_t first_panel, std::int64_t n_panels) {
  for (std::int64_t panel = first_panel; panel < first_panel + n_panels; ++panel) {
    std::array<Places, 4> places{};
    Fractions right{};
    Fractions below{};
    const std::int64_t n_lanes = lanes_of(out, panel);
    for (std::int64_t lane = 0; lane < n_lanes; ++lane) {
      const auto i = static_cast<std::size_t>(lane);
      const std::int64_t pixel = panel * lanes + lane;
      const Neighbours x(pixel % out.width, in.width);
      const Neighbours y(pixel / out.width, in.height);
      places[0][i] = place(in, x.first, y.first);
      places[1][i] = place(in, x.second, y.first);
      places[2][i] = place(in, x.first, y.second);
      places[3][i] = place(in, x.second, y.second);
      right[i] = x.fraction;
      below[i] = y.fraction;
    }
    for (std::int64_t channel = 0; channel < in.n_channels; ++channel) {
      const float *from = in.data + channel * lanes;
      float *to = out.panel(panel) + channel * lanes;
      for (std::size_t i = 0; i < lanes; ++i) {
        const float upper = (1.0F - right[i]) * from[places[0][i]] + right[i] * from[places[1][i]];
        const float lower = (1.0F - right[i]) * from[places[2][i]] + right[i] * from[places[3][i]];
        const float value = (1.0F - below[i]) * upper + below[i] * lower;
        to[i] = sum ? to[i] + value : value;
      }
    }
  }
}

} // namespace ppocrvl::layout
