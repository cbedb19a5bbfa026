// SPDX-License-Identifier: Apache-2.0
//
// The kernels of map_kernels.h. Included by one file for each kind of CPU: see panels.h. `Product`
// multiplies packed rows with a panel of float32: VectorProduct or PlainProduct.
#pragma once

#include "kernels/map_kernels.h"
#include "kernels/scalar.h"

#include <cstring>

namespace ppocrvl::kernels {

template <typename Product> struct MapPanels {
  using Math = Scalar<Product>;

  static_assert(Product::group == map_group && Product::run == 1);

  // Numbers of a panel, and weights of all rows of a block, that stay in a core's caches while they
  // are multiplied.
  static constexpr std::int64_t depth_block = 256;
  static constexpr std::int64_t row_block = 256;
  static constexpr std::int64_t most_panels = 8;
  static constexpr std::int64_t cached_numbers = 192 << 10; // of panels that are gathered at once

  static std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

  static std::int64_t panels_at_once(const Window &window, std::int64_t n_channels) {
    const std::int64_t most = cached_numbers / (columns_of(window, n_channels) * lanes);
    if (is_direct(window)) {
      return most_panels;
    }
    return most < 1 ? 1 : smaller(most, most_panels);
  }

  static std::int64_t columns_of(const Window &window, std::int64_t n_channels) {
    return window.size * window.size * n_channels;
  }

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

  static void gather(const Convolution &task, std::int64_t panel, float *to) {
    const Pixels pixels(task.window, panel);
    Sight sight{};
    for (std::int64_t row = 0; row < task.window.size; ++row) {
      for (std::int64_t column = 0; column < task.window.size; ++column) {
        look(task.window, pixels, row, column, task.in_stride, sight);
        for (std::int64_t channel = 0; channel < task.n_channels; ++channel) {
          see(sight, task.in + channel * lanes, to);
          to += lanes;
        }
      }
    }
  }

  static float sigmoid(float x) {
    constexpr float log2_e = 1.44269504F;
    constexpr float limit = 126.0F;
    float u = -log2_e * x;
    u = limit < u ? limit : u;
    return 1.0F / (1.0F + Math::template power_of_two<false>(u));
  }

  /// For |x| below 1 Taylor's series, else by Numerical Recipes' erfc: either has almost all digits
  /// of float32, and a vector may choose between them.
  static float erf(float x) {
    constexpr float log2_e = 1.44269504F;
    const float a = x < 0.0F ? -x : x;
    const float s = x * x;
    // 2 / sqrt(pi) * (-1)^k / (k! (2k + 1)).
    float near = 1.4807193e-8F;
    near = near * s - 1.6365844e-7F;
    near = near * s + 1.6462114e-6F;
    near = near * s - 1.4925650e-5F;
    near = near * s + 1.2055333e-4F;
    near = near * s - 8.5483270e-4F;
    near = near * s + 5.2239776e-3F;
    near = near * s - 2.6866171e-2F;
    near = near * s + 1.1283792e-1F;
    near = near * s - 3.7612639e-1F;
    near = near * s + 1.1283792F;
    near *= x;
    const float t = 1.0F / (1.0F + 0.5F * a);
    float far = 0.17087277F;
    far = far * t - 0.82215223F;
    far = far * t + 1.48851587F;
    far = far * t - 1.13520398F;
    far = far * t + 0.27886807F;
    far = far * t - 0.18628806F;
    far = far * t + 0.09678418F;
    far = far * t + 0.37409196F;
    far = far * t + 1.00002368F;
    far = far * t - 1.26551223F;
    far = 1.0F - t * Math::template power_of_two<false>(log2_e * (far - s));
    far = x < 0.0F ? -far : far;
    return a < 1.0F ? near : far;
  }

  static void activate(float *values, std::int64_t count, Activation activation) {
    switch (activation) {
    case Activation::none:
      break;
    case Activation::relu:
      for (std::int64_t i = 0; i < count; ++i) {
        values[i] = values[i] < 0.0F ? 0.0F : values[i]; // NaN stays NaN
      }
      break;
    case Activation::silu:
      for (std::int64_t i = 0; i < count; ++i) {
        values[i] *= sigmoid(values[i]);
      }
      break;
    case Activation::gelu:
      for (std::int64_t i = 0; i < count; ++i) {
        constexpr float sqrt_half = 0.70710678F;
        values[i] = 0.5F * values[i] * (1.0F + erf(values[i] * sqrt_half));
      }
      break;
    case Activation::sigmoid:
      for (std::int64_t i = 0; i < count; ++i) {
        values[i] = sigmoid(values[i]);
      }
      break;
    }
  }

  /// Rows of sums to the output's panel.
  static void finish(const Convolution &task, float *sums, std::int64_t first_row,
                     std::int64_t n_rows, std::int64_t panel) {
    for (std::int64_t row = 0; task.bias != nullptr && row < n_rows; ++row) {
      const float bias = task.bias[first_row + row];
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        sums[row * lanes + lane] += bias;
      }
    }
    activate(sums, n_rows * lanes, task.activation);
    float *out = task.out + panel * task.out_stride + first_row * lanes;
    if (task.residual == nullptr) {
      std::memcpy(out, sums, static_cast<std::size_t>(n_rows * lanes) * sizeof(float));
      return;
    }
    const float *residual = task.residual + panel * task.residual_stride + first_row * lanes;
    for (std::int64_t i = 0; i < n_rows * lanes; ++i) {
      out[i] = sums[i] + residual[i];
    }
  }

  /// A block of rows with some panels, which lie `panel_stride` apart.
  static void multiply(const Convolution &task, std::int64_t n_columns, const float *panels,
                       std::int64_t panel_stride, std::int64_t first_panel, std::int64_t n_panels,
                       float *sums) {
    for (std::int64_t first = 0; first < task.n_rows; first += row_block) {
      const std::int64_t n_rows = smaller(row_block, task.n_rows - first);
      const float *weights = task.weights + first * n_columns;
      for (std::int64_t column = 0; column < n_columns; column += depth_block) {
        const std::int64_t depth = smaller(depth_block, n_columns - column);
        for (std::int64_t panel = 0; panel < n_panels; ++panel) {
          Product::multiply(weights + column * map_group, n_columns * map_group,
                            panels + panel * panel_stride + column * lanes, depth,
                            sums + panel * row_block * lanes, padded(n_rows, map_group),
                            column > 0);
        }
      }
      for (std::int64_t panel = 0; panel < n_panels; ++panel) {
        finish(task, sums + panel * row_block * lanes, first, n_rows, first_panel + panel);
      }
    }
  }

  static void convolve(const Convolution &task, std::int64_t first_panel, std::int64_t n_panels,
                       void *scratch) {
    const std::int64_t n_columns = columns_of(task.window, task.n_channels);
    const std::int64_t at_once = panels_at_once(task.window, task.n_channels);
    auto *sums = static_cast<float *>(scratch);
    float *gathered = sums + most_panels * row_block * lanes;
    for (std::int64_t done = 0; done < n_panels; done += at_once) {
      const std::int64_t begin = first_panel + done;
      const std::int64_t size = smaller(at_once, n_panels - done);
      if (is_direct(task.window)) {
        multiply(task, n_columns, task.in + begin * task.in_stride, task.in_stride, begin, size,
                 sums);
        continue;
      }
      for (std::int64_t i = 0; i < size; ++i) {
        gather(task, begin + i, gathered + i * n_columns * lanes);
      }
      multiply(task, n_columns, gathered, n_columns * lanes, begin, size, sums);
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
      activate(out, task.n_channels * lanes, task.activation);
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
        const float power = Math::template power_of_two<false>(
            (panel[row * lanes + lane] - largest[lane]) * log2_e);
        panel[row * lanes + lane] = power;
        sums[lane] += power;
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

  static constexpr MapKernels table(const char *name) {
    return {name, convolve, depthwise, max_pool, softmax, activate};
  }
};

} // namespace ppocrvl::kernels
