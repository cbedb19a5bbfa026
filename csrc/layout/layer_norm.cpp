// SPDX-License-Identifier: Apache-2.0
#include "layout/layer_norm.h"

#include <array>
#include <cmath>
#include <cstddef>

namespace ppocrvl::layout {

void layer_norm(const FeatureMap &in, const FeatureMap &out, const float *weight, const float *bias,
                float epsilon, std::int64_t first_panel, std::int64_t n_panels) {
  constexpr std::size_t lanes = kernels::lanes;
  const auto n_channels = static_cast<std::size_t>(in.n_channels);
  for (std::int64_t panel = first_panel; panel < first_panel + n_panels; ++panel) {
    const float *from = in.panel(panel);
    float *to = out.panel(panel);
    std::array<float, lanes> mean{};
    std::array<float, lanes> scale{};
    for (std::size_t channel = 0; channel < n_channels; ++channel) {
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        mean[lane] += from[channel * lanes + lane];
      }
    }
    for (float &value : mean) {
      value /= static_cast<float>(n_channels);
    }
    for (std::size_t channel = 0; channel < n_channels; ++channel) {
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        const float difference = from[channel * lanes + lane] - mean[lane];
        scale[lane] += difference * difference;
      }
    }
    for (float &value : scale) {
      value = 1.0F / std::sqrt(value / static_cast<float>(n_channels) + epsilon);
    }
    for (std::size_t channel = 0; channel < n_channels; ++channel) {
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        to[channel * lanes + lane] =
            (from[channel * lanes + lane] - mean[lane]) * scale[lane] * weight[channel] +
            bias[channel];
      }
    }
  }
}

} // namespace ppocrvl::layout
