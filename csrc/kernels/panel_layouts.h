// SPDX-License-Identifier: Apache-2.0
//
// From rows to panels, from panels to rows, and to operands.
#pragma once

#include "kernels/panels.h"

#include <cstdint>

namespace ppocrvl::kernels {

/// See VisionKernels and DecoderKernels.
template <typename Product> struct PanelLayouts : Panels<Product> {
  using Base = Panels<Product>;
  using Operand = typename Base::Operand;
  using Range = typename Base::Range;
  using Base::is_bf16;
  using Base::operand_size;
  using Base::part_of;
  using Base::smaller;
  using Base::store_rows;
  using Base::zero_padding;

  static void to_panels(const float *in, float *out, std::int64_t n_features, std::int64_t n_rows,
                        Share share) {
    const Range panels = part_of(panels_of(n_rows), share);
    for (std::int64_t p = panels.begin; p < panels.end; ++p) {
      float *panel = out + p * n_features * lanes;
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        const std::int64_t row = p * lanes + lane;
        for (std::int64_t i = 0; i < n_features; ++i) {
          panel[i * lanes + lane] = row < n_rows ? in[row * n_features + i] : 0.0F;
        }
      }
    }
  }

  static void from_panels(const float *in, float *out, std::int64_t n_features, std::int64_t n_rows,
                          Share share) {
    const Range rows = part_of(n_rows, share);
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      const float *panel = in + row / lanes * n_features * lanes + row % lanes;
      for (std::int64_t i = 0; i < n_features; ++i) {
        out[row * n_features + i] = panel[i * lanes];
      }
    }
  }

  static void to_operand(const float *in, void *out, std::int64_t n_features, std::int64_t n_panels,
                         Share share) {
    const Range panels = part_of(n_panels, share);
    for (std::int64_t p = panels.begin; p < panels.end; ++p) {
      store_rows(static_cast<Operand *>(out) + p * operand_size(n_features), 0,
                 in + p * n_features * lanes, n_features);
    }
    zero_padding(out, n_features, panels);
  }

  static void rows_to_operand(const float *in, void *out, std::int64_t n_features,
                              std::int64_t n_rows, Share share) {
    constexpr std::int64_t block = 32; // features
    const Range blocks = part_of(padded(n_features, block) / block, share);
    for (std::int64_t p = 0; p < panels_of(n_rows); ++p) {
      Operand *panel = static_cast<Operand *>(out) + p * operand_size(n_features);
      const std::int64_t n_lanes = smaller(lanes, n_rows - p * lanes);
      for (std::int64_t b = blocks.begin; b < blocks.end; ++b) {
        const std::int64_t first = b * block;
        const std::int64_t count = smaller(block, n_features - first);
        const float *from = in + p * lanes * n_features + first;
        Operand *to = panel + first * lanes;
        if constexpr (is_bf16) {
          Product::Pairs::store_columns(to, from, n_features, n_lanes, count);
        } else {
          for (std::int64_t i = 0; i < count; ++i) {
            for (std::int64_t lane = 0; lane < lanes; ++lane) {
              to[i * lanes + lane] = lane < n_lanes ? from[lane * n_features + i] : 0.0F;
            }
          }
        }
      }
    }
  }
};

} // namespace ppocrvl::kernels
