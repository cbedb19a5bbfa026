// SPDX-License-Identifier: Apache-2.0
//
// LayerNorm over the features of panels.
#pragma once

#include "kernels/panels.h"

#include <cstdint>

namespace ppocrvl::kernels {

/// See `Norm`.
template <typename Product> struct LayerNorm : Panels<Product> {
  using Base = Panels<Product>;
  using Operand = typename Base::Operand;
  using Range = typename Base::Range;
  using Base::operand_size;
  using Base::part_of;
  using Base::smaller;
  using Base::store_rows;
  using Base::zero_padding;

  /// The mean over the features of (value - shift)^power, for each lane. Long sums of float32 would
  /// lose digits, so it sums sums.
  template <int power>
  static void mean(const float *in, std::int64_t n_features, const float *shift, float *out) {
    constexpr std::int64_t rows_per_sum = 64;
    const float scale = 1.0F / static_cast<float>(n_features);
    for (std::int64_t first = 0; first < n_features; first += rows_per_sum) {
      alignas(64) float sum[lanes] = {};
      const std::int64_t last = smaller(first + rows_per_sum, n_features);
      for (std::int64_t row = first; row < last; ++row) {
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
          const float value = in[row * lanes + lane] - shift[lane];
          sum[lane] += power == 1 ? value : value * value;
        }
      }
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        out[lane] += sum[lane] * scale;
      }
    }
  }

  static void norm(const Norm &task, Share share) {
    const Range panels = part_of(task.n_panels, share);
    for (std::int64_t p = panels.begin; p < panels.end; ++p) {
      const float *in = task.in + p * task.n_features * lanes;
      alignas(64) float zero[lanes] = {};
      alignas(64) float middle[lanes] = {};
      alignas(64) float factor[lanes] = {};
      mean<1>(in, task.n_features, zero, middle);
      mean<2>(in, task.n_features, middle, factor);
      for (float &value : factor) {
        value = 1.0F / __builtin_sqrtf(value + task.epsilon);
      }
      auto *out = static_cast<Operand *>(task.out) + p * operand_size(task.n_features);
      for (std::int64_t first = 0; first < task.n_features; first += 2) {
        alignas(64) float rows[2 * lanes];
        const std::int64_t n = smaller(2, task.n_features - first);
        for (std::int64_t i = 0; i < n; ++i) {
          const std::int64_t row = first + i;
          for (std::int64_t lane = 0; lane < lanes; ++lane) {
            rows[i * lanes + lane] =
                (in[row * lanes + lane] - middle[lane]) * factor[lane] * task.weight[row] +
                task.bias[row];
          }
        }
        store_rows(out, first, rows, n);
      }
    }
    zero_padding(task.out, task.n_features, panels);
  }
};

} // namespace ppocrvl::kernels
