// SPDX-License-Identifier: Apache-2.0
//
// The kernels of map_kernels.h but for convolutions. Included by one file for each kind of CPU: see
// panels.h.
#pragma once

#include "kernels/activations.h"
#include "kernels/map_kernels.h"
#include "kernels/scalar.h"

#include <cstring>

namespace ppocrvl::kernels {

/// `Kind`: see Scalar.
template <typename Kind> struct MapPanels {
  using Math = Scalar<Kind>;

  /// What the lanes of a panel see of a map at one place of the window. Lanes that see nothing have
  /// no place.
  struct Sight {
    // Where in the map's memory, for channel 0; -1: outside.
    std::int32_t places[lanes];
    // With a step of one, lanes that see something see a row of neighbours, which lie in at most
    // two panels: lane i at first[i] if from_first[i], at second[i] if from_second[i].
    bool is_row;
    std::int64_t first;
    std::int64_t second;
    std::int32_t from_first[lanes];
    std::int32_t from_second[lanes];
  };

  /// Pixels of the output that are the lanes of a panel.
  struct Pixels {
    std::int64_t panel;
    std::int64_t x[lanes] = {};
    std::int64_t y[lanes] = {};
    bool is_there[lanes] = {};

    Pixels(const Window &window, std::int64_t index) : panel(index) {
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        const std::int64_t pixel = index * lanes + lane;
        y[lane] = pixel / window.out_width;
        x[lane] = pixel % window.out_width;
        is_there[lane] = y[lane] < window.out_height;
      }
    }
  };

  static void look(const Window &window, const Pixels &pixels, std::int64_t row,
                   std::int64_t column, std::int64_t stride, Sight &sight) {
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      const std::int64_t x = pixels.x[lane] * window.step - window.padding + column;
      const std::int64_t y = pixels.y[lane] * window.step - window.padding + row;
      const bool is_inside =
          pixels.is_there[lane] && x >= 0 && x < window.in_width && y >= 0 && y < window.in_height;
      const std::int64_t pixel = y * window.in_width + x;
      sight.places[lane] =
          is_inside ? static_cast<std::int32_t>(pixel / lanes * stride + pixel % lanes) : -1;
    }
    sight.is_row = window.step == 1 && window.in_width == window.out_width;
    if (!sight.is_row) {
      return;
    }
    const std::int64_t begin =
        pixels.panel * lanes + (row - window.padding) * window.in_width + column - window.padding;
    const std::int64_t shift = (begin % lanes + lanes) % lanes;
    const std::int64_t panel = (begin - shift) / lanes;
    bool sees_first = false;
    bool sees_second = false;
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      const bool is_first = lane + shift < lanes;
      const bool is_inside = sight.places[lane] >= 0;
      sight.from_first[lane] = is_inside && is_first ? -1 : 0;
      sight.from_second[lane] = is_inside && !is_first ? -1 : 0;
      sees_first |= is_inside && is_first;
      sees_second |= is_inside && !is_first;
    }
    const std::int64_t first = panel * stride + shift;
    const std::int64_t second = (panel + 1) * stride + shift - lanes;
    // A panel that nobody sees may not exist.
    if (!sees_first) {
      sight.first = sees_second ? second : 0;
    } else {
      sight.first = first;
    }
    sight.second = sees_second ? second : sight.first;
  }

  /// One channel of what a sight shows.
  [[gnu::always_inline]] static void see(const Sight &sight, const float *channel, float *to) {
    if (sight.is_row) {
      const float *first = channel + sight.first;
      const float *second = channel + sight.second;
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        const float one = first[lane];
        const float other = second[lane];
        const float beside = sight.from_second[lane] != 0 ? other : 0.0F;
        to[lane] = sight.from_first[lane] != 0 ? one : beside;
      }
    } else {
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        const std::int32_t place = sight.places[lane];
        to[lane] = place >= 0 ? channel[place] : 0.0F;
      }
    }
  }

  static constexpr std::int64_t largest_window = 7;

  /// What the lanes of a panel see at each place of the window.
  struct Sights {
    Sight at[largest_window * largest_window] = {};

    Sights(const Window &window, std::int64_t panel, std::int64_t stride) {
      const Pixels pixels(window, panel);
      for (std::int64_t row = 0; row < window.size; ++row) {
        for (std::int64_t column = 0; column < window.size; ++column) {
          look(window, pixels, row, column, stride, at[row * window.size + column]);
        }
      }
    }
  };

  static void depthwise(const Depthwise &task, std::int64_t first_panel, std::int64_t n_panels) {
    const std::int64_t n_places = task.window.size * task.window.size;
    for (std::int64_t panel = first_panel; panel < first_panel + n_panels; ++panel) {
      const Sights sights(task.window, panel, task.in_stride);
      float *out = task.out + panel * task.out_stride;
      for (std::int64_t channel = 0; channel < task.n_channels; ++channel) {
        float sums[lanes];
        for (float &sum : sums) {
          sum = task.bias[channel];
        }
        for (std::int64_t place = 0; place < n_places; ++place) {
          float seen[lanes];
          see(sights.at[place], task.in + channel * lanes, seen);
          const float weight = task.weights[channel * n_places + place];
          for (std::int64_t lane = 0; lane < lanes; ++lane) {
            sums[lane] += weight * seen[lane];
          }
        }
        std::memcpy(out + channel * lanes, sums, sizeof sums);
      }
      Activations<Kind>::activate(out, task.n_channels * lanes, task.activation);
    }
  }

  static void max_pool(const MaxPool &task, std::int64_t first_panel, std::int64_t n_panels) {
    const std::int64_t n_places = task.window.size * task.window.size;
    for (std::int64_t panel = first_panel; panel < first_panel + n_panels; ++panel) {
      const Sights sights(task.window, panel, task.in_stride);
      float *out = task.out + panel * task.out_stride;
      for (std::int64_t channel = 0; channel < task.n_channels; ++channel) {
        float largest[lanes];
        see(sights.at[0], task.in + channel * lanes, largest);
        for (std::int64_t place = 1; place < n_places; ++place) {
          float seen[lanes];
          see(sights.at[place], task.in + channel * lanes, seen);
          for (std::int64_t lane = 0; lane < lanes; ++lane) {
            largest[lane] = largest[lane] < seen[lane] ? seen[lane] : largest[lane];
          }
        }
        std::memcpy(out + channel * lanes, largest, sizeof largest);
      }
    }
  }

  static void softmax(float *panel, std::int64_t n_rows) {
    constexpr float log2_e = 1.44269504F;
    constexpr float least = -60.0F;
    float largest[lanes];
    std::memcpy(largest, panel, sizeof largest);
    for (std::int64_t row = 1; row < n_rows; ++row) {
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        const float value = panel[row * lanes + lane];
        largest[lane] = largest[lane] < value ? value : largest[lane];
      }
    }
    float sums[lanes] = {};
    for (std::int64_t row = 0; row < n_rows; ++row) {
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        const float exponent = (panel[row * lanes + lane] - largest[lane]) * log2_e;
        const float power = Math::template power_of_two<false>(exponent);
        // What is lost in the sum is nothing: numbers below 2^-126 are slow to multiply with.
        panel[row * lanes + lane] = exponent < least ? 0.0F : power;
        sums[lane] += panel[row * lanes + lane];
      }
    }
    for (float &sum : sums) {
      sum = 1.0F / sum;
    }
    for (std::int64_t row = 0; row < n_rows; ++row) {
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        panel[row * lanes + lane] *= sums[lane];
      }
    }
  }

  static constexpr MapKernels table(const char *name, const ConvolutionKernels &convolutions) {
    return {name, convolutions, depthwise, max_pool, softmax, Activations<Kind>::activate};
  }
};

} // namespace ppocrvl::kernels
