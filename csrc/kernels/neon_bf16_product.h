// SPDX-License-Identifier: Apache-2.0
//
// Products through the matrix instruction of bfloat16 (BFMMLA): four columns of two rows times four
// features of two lanes, which makes four sums.
#pragma once

#include "kernels/kernels.h"
#include "kernels/neon_bf16_formats.h"
#include "kernels/neon_bf16_pairs.h"

#include <arm_neon.h>

#include <cstddef>

namespace ppocrvl::kernels {

/// As VectorProduct, with groups of eight rows, of which a packed one has four columns together.
/// `Kind`: see Scalar.
template <typename Kind> struct NeonBf16Product {
  using Operand = std::uint16_t;
  using Pairs = NeonBf16Pairs<Kind>;
  using Formats = NeonBf16Formats<Kind>;
  static constexpr bool has_tiles = false;
  static constexpr std::int64_t group = 8;
  static constexpr std::int64_t run = 4;
  static constexpr std::int64_t sixteen_lanes = lanes / 2;

  static void begin() {}
  static void end() {}

  static void multiply(const Operand *a, std::int64_t a_stride, const Operand *b,
                       std::int64_t depth, float *c, std::int64_t rows, bool add) {
    for (std::int64_t first = 0; first < rows; first += group) {
      for (std::int64_t lane = 0; lane < lanes; lane += width) {
        eight_by_eight(Packed{a}, b + 2 * lane, depth, c + first * lanes + lane, add);
      }
      a += a_stride;
    }
  }

  /// See VectorProduct.
  template <std::int64_t used, typename Ahead>
  static void multiply_plain(const Operand *rows, std::int64_t row_stride, std::int64_t n_rows,
                             const Operand *b, std::int64_t depth, float *c, Ahead ahead) {
    for (std::int64_t first = 0; first < n_rows; first += group) {
      ahead(first / group);
      for (std::int64_t lane = 0; lane < used; lane += width) {
        eight_by_eight(Plain{rows + first * row_stride, row_stride}, b + 2 * lane, depth,
                       c + first * lanes + lane, false);
      }
    }
  }

private:
  static constexpr std::int64_t width = 8;  // lanes at once
  static constexpr std::size_t n_pairs = 4; // of rows, and of lanes

  /// Eight columns of two rows, the first four of both and then the others.
  struct TwoRows {
    bfloat16x8_t first;
    bfloat16x8_t second;
  };

  /// Eight rows one after another.
  struct Plain {
    const Operand *rows;
    std::int64_t stride;

    [[nodiscard, gnu::always_inline]] TwoRows at(std::int64_t pair, std::int64_t column) const {
      const Operand *even = rows + 2 * pair * stride + column;
      return zipped(vld1q_u64_of(even), vld1q_u64_of(even + stride));
    }
  };

  /// Four columns of each of eight rows, then the next four.
  struct Packed {
    const Operand *rows;

    [[nodiscard, gnu::always_inline]] TwoRows at(std::int64_t pair, std::int64_t column) const {
      const Operand *from = rows + column * group + 2 * pair * run;
      return {vreinterpretq_bf16_u16(vld1q_u16(from)),
              vreinterpretq_bf16_u16(vld1q_u16(from + group * run))};
    }
  };

  [[gnu::always_inline]] static uint64x2_t vld1q_u64_of(const Operand *from) {
    return vreinterpretq_u64_u16(vld1q_u16(from));
  }

  [[gnu::always_inline]] static TwoRows zipped(uint64x2_t even, uint64x2_t odd) {
    return {vreinterpretq_bf16_u64(vzip1q_u64(even, odd)),
            vreinterpretq_bf16_u64(vzip2q_u64(even, odd))};
  }

  /// Four features of each two of eight lanes, from pairs of features.
  struct EightLanes {
    bfloat16x8_t pairs[n_pairs];

    [[gnu::always_inline]] explicit EightLanes(const Operand *b) {
#pragma GCC unroll 2
      for (std::size_t half = 0; half < 2; ++half) {
        const uint32x4_t upper = vreinterpretq_u32_u16(vld1q_u16(b + 8 * half));
        const uint32x4_t lower = vreinterpretq_u32_u16(vld1q_u16(b + 8 * half + 2 * lanes));
        pairs[2 * half] = vreinterpretq_bf16_u32(vzip1q_u32(upper, lower));
        pairs[2 * half + 1] = vreinterpretq_bf16_u32(vzip2q_u32(upper, lower));
      }
    }
  };

  /// Sums of two rows with two lanes: a row's lie together.
  using Sums = float32x4_t[n_pairs][n_pairs];

  template <typename Rows>
  [[gnu::noinline]] static void eight_by_eight(const Rows &rows, const Operand *b,
                                               std::int64_t depth, float *c, bool add) {
    Sums sums;
    begin_sums(c, add, sums);
    for (std::int64_t column = 0; column < depth; column += 2 * run) {
      const EightLanes first(b);
      const EightLanes second(b + run * lanes);
#pragma GCC unroll 4
      for (std::size_t i = 0; i < n_pairs; ++i) {
        const TwoRows a = rows.at(static_cast<std::int64_t>(i), column);
#pragma GCC unroll 4
        for (std::size_t j = 0; j < n_pairs; ++j) {
          sums[i][j] = vbfmmlaq_f32(sums[i][j], a.first, first.pairs[j]);
          sums[i][j] = vbfmmlaq_f32(sums[i][j], a.second, second.pairs[j]);
        }
      }
      b += 2 * run * lanes;
    }
    end_sums(c, sums);
  }

  [[gnu::always_inline]] static void begin_sums(const float *c, bool add, Sums &sums) {
#pragma GCC unroll 4
    for (std::size_t i = 0; i < n_pairs; ++i) {
#pragma GCC unroll 4
      for (std::size_t j = 0; j < n_pairs; ++j) {
        const float *from = c + 2 * i * std::size_t{lanes} + 2 * j;
        sums[i][j] = add ? vcombine_f32(vld1_f32(from), vld1_f32(from + lanes)) : vdupq_n_f32(0.0F);
      }
    }
  }

  [[gnu::always_inline]] static void end_sums(float *c, const Sums &sums) {
#pragma GCC unroll 4
    for (std::size_t i = 0; i < n_pairs; ++i) {
#pragma GCC unroll 4
      for (std::size_t j = 0; j < n_pairs; ++j) {
        float *to = c + 2 * i * std::size_t{lanes} + 2 * j;
        vst1_f32(to, vget_low_f32(sums[i][j]));
        vst1_f32(to + lanes, vget_high_f32(sums[i][j]));
      }
    }
  }
};

} // namespace ppocrvl::kernels
