// SPDX-License-Identifier: Apache-2.0
//
// int16 quantization for `IntegerLinear`, twice as many numbers to an instruction as float32: on
// CPUs without bfloat16 arithmetic the fastest that loses no more than that.
#pragma once

#include "kernels/kernels.h"
#include "kernels/scalar.h"

#include <cstdint>
#include <cstring>

namespace ppocrvl::kernels {

/// Symmetric, with absolute maxima as scales: weights in [-2047, 2047] with a scale a row (a row of
/// a block of columns, if it is long), inputs in [-8191, 8191] with one for each `scaled_columns`
/// features of a patch. Rounding then loses at most 1/4094 of a row's largest weight, and
/// bfloat16's at most 1/512 of each number. The sums of so many products fit into 32 bits; beyond,
/// they are summed as float32. `Product` multiplies pairs of numbers: panels are [n_features /
/// 2][32][2].
template <typename Layer, typename Product> struct Int16Numbers {
  using Number = std::int16_t;
  using Math = typename Layer::Math;

  static_assert(!Layer::is_bf16, "bfloat16 operands have instructions of their own");
  static_assert(Layer::depth_block % 128 == 0, "a block begins with features of their own scale");

  static constexpr LinearNumbers kind = LinearNumbers::int16;
  static constexpr std::int64_t row_group = Product::group;
  static constexpr std::int64_t cached_bytes = 1200 << 10;
  static constexpr std::int64_t panel_cost = 2; // products that quantizing a panel outweighs
  static constexpr std::int64_t scaled_columns = 128;
  static constexpr std::int32_t row_steps = 2047;
  static constexpr std::int32_t panel_steps = 8191;
  static_assert(std::int64_t{row_steps} * panel_steps * scaled_columns <= INT32_MAX);
  static constexpr float smallest_scale = 1e-37F; // the inverse of less overflows

  static std::int64_t depth_of(std::int64_t columns) { return padded(columns, 2); }

  static std::int64_t scales_of(std::int64_t columns) {
    return Layer::parts_of(columns, scaled_columns) * lanes;
  }

  static std::int64_t panel_bytes(std::int64_t columns) {
    return depth_of(columns) * lanes * std::int64_t{sizeof(Number)} +
           scales_of(columns) * std::int64_t{sizeof(float)};
  }

  struct Workspace {
    typename Layer::Buffers buffers;
    std::int64_t depth;      // numbers of a panel's lane
    std::int64_t n_scales;   // of a panel
    std::int64_t row_stride; // as `WeightBlocks::row_stride`
    Number *rows;
    Number *panels;
    float *panel_scales; // [parts of a panel][32]
    float *row_scales;
    std::int32_t *sums; // [32][32]

    Workspace(void *scratch, std::int64_t columns, std::int64_t n_panels)
        : buffers(scratch, columns), depth(depth_of(columns)), n_scales(scales_of(columns)),
          row_stride(padded(columns, 32) + 32), rows(reinterpret_cast<Number *>(buffers.packed)) {
      std::byte *rest = buffers.end;
      panels = Layer::template carve<Number>(rest, n_panels * depth * lanes);
      panel_scales = Layer::template carve<float>(rest, n_panels * n_scales);
      row_scales = Layer::template carve<float>(rest, Layer::block_rows);
      sums = Layer::template carve<std::int32_t>(rest, Layer::block_rows * lanes);
    }

    [[nodiscard]] Number *panel(std::int64_t i) const { return panels + i * depth * lanes; }
    [[nodiscard]] float *scales(std::int64_t i) const { return panel_scales + i * n_scales; }
  };

  /// As bits, numbers above zero are in order, infinity above them and NaN above all: what is no
  /// number becomes the scale, and all results with it are none.
  static std::uint32_t magnitude(float value) { return Math::bits_of(value) & 0x7FFFFFFFU; }

  static float inverse_of(float scale) { return scale > smallest_scale ? 1.0F / scale : 0.0F; }

  /// The nearest whole number in the lowest 16 bits, as adding 1.5 * 2^23 leaves it.
  static std::uint32_t nearest(float value) { return Math::bits_of(value + 12582912.0F); }

  static void quantize_panel(const float *panel, std::int64_t n_features, const Workspace &work,
                             std::int64_t index) {
    Number *out = work.panel(index);
    float *scales = work.scales(index);
    for (std::int64_t first = 0; first < n_features; first += scaled_columns, scales += lanes) {
      const std::int64_t end = Layer::smaller(first + scaled_columns, n_features);
      alignas(64) std::uint32_t greatest[lanes] = {};
      for (std::int64_t i = first; i < end; ++i) {
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
          const std::uint32_t bits = magnitude(panel[i * lanes + lane]);
          greatest[lane] = bits > greatest[lane] ? bits : greatest[lane];
        }
      }
      alignas(64) float inverse[lanes];
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        scales[lane] = Math::float_of(greatest[lane]) / static_cast<float>(panel_steps);
        inverse[lane] = inverse_of(scales[lane]);
      }
      for (std::int64_t i = first; i < end; i += 2) {
        quantize_pair(panel + i * lanes, i + 1 < end, inverse, out + i * lanes);
      }
    }
  }

  static void quantize_row(const float *row, std::int64_t count, const Workspace &work,
                           std::int64_t index) {
    std::uint32_t greatest = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::uint32_t bits = magnitude(row[i]);
      greatest = bits > greatest ? bits : greatest;
    }
    const float scale = Math::float_of(greatest) / static_cast<float>(row_steps);
    const float inverse = inverse_of(scale);
    work.row_scales[index] = scale;
    Number *out = work.rows + index * work.row_stride;
    for (std::int64_t i = 0; i < count; ++i) {
      out[i] = static_cast<Number>(nearest(row[i] * inverse));
    }
    for (std::int64_t i = count; i < depth_of(count); ++i) {
      out[i] = 0;
    }
  }

  static void clear_row(const Workspace &work, std::int64_t index) {
    work.row_scales[index] = 0.0F;
    std::memset(work.rows + index * work.row_stride, 0,
                Layer::bytes_of(work.depth, sizeof(Number)));
  }

  /// Of a block's rows with a panel that has so many lanes in use, to `buffers.c`.
  static void multiply(const Workspace &work, std::int64_t index, std::int64_t n_features,
                       std::int64_t n_lanes, std::int64_t n_rows) {
    const std::int64_t n = padded(n_rows, row_group);
    const bool is_whole = n_lanes > Product::sixteen_lanes;
    const auto nothing = [](std::int64_t) {};
    if (!is_whole) {
      std::memset(work.sums, 0, Layer::bytes_of(n * lanes, sizeof *work.sums));
    }
    const float *scales = work.scales(index);
    auto *sums = reinterpret_cast<float *>(work.sums); // `Product` knows better
    const std::int64_t end = depth_of(n_features);
    for (std::int64_t first = 0; first < end; first += scaled_columns, scales += lanes) {
      const Number *rows = work.rows + first;
      const Number *panel = work.panel(index) + first * lanes;
      const std::int64_t depth = Layer::smaller(scaled_columns, end - first);
      if (is_whole) {
        Product::template multiply_plain<lanes>(rows, work.row_stride, n, panel, depth, sums,
                                                nothing);
      } else {
        Product::template multiply_plain<Product::sixteen_lanes>(rows, work.row_stride, n, panel,
                                                                 depth, sums, nothing);
      }
      add_scaled(work.sums, scales, n, first > 0, work.buffers.c);
    }
    for (std::int64_t row = 0; row < n; ++row) {
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        work.buffers.c[row * lanes + lane] *= work.row_scales[row];
      }
    }
  }

private:
  static void quantize_pair(const float *rows, bool has_second, const float *inverse, Number *out) {
    alignas(64) std::uint32_t pairs[lanes];
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      pairs[lane] = nearest(rows[lane] * inverse[lane]) & 0xFFFFU;
    }
    for (std::int64_t lane = 0; has_second && lane < lanes; ++lane) {
      pairs[lane] |= nearest(rows[lanes + lane] * inverse[lane]) << 16U;
    }
    std::memcpy(out, pairs, sizeof pairs);
  }

  static void add_scaled(const std::int32_t *sums, const float *scales, std::int64_t n_rows,
                         bool add, float *__restrict c) {
    for (std::int64_t row = 0; row < n_rows; ++row) {
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        const std::int64_t at = row * lanes + lane;
        c[at] = static_cast<float>(sums[at]) * scales[lane] + (add ? c[at] : 0.0F);
      }
    }
  }
};

} // namespace ppocrvl::kernels
