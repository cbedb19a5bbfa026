// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/kernels.h"

#include <arm_neon.h>

namespace ppocrvl::kernels {

/// Rounding by the instructions of BF16. `Kind`: see Scalar.
template <typename Kind> struct NeonBf16Pairs {
  /// Two rows of lanes as bfloat16, even and odd interleaved.
  static void store(std::uint16_t *to, const float *even, const float *odd) {
    for (std::int64_t lane = 0; lane < lanes; lane += 8) {
      const uint16x8_t evens = rounded(even + lane);
      const uint16x8_t odds = rounded(odd + lane);
      vst1q_u16(to + 2 * lane, vzip1q_u16(evens, odds));
      vst1q_u16(to + 2 * lane + 8, vzip2q_u16(evens, odds));
    }
  }

  static uint16x8_t rounded(const float *from) {
    return rounded(vld1q_f32(from), vld1q_f32(from + 4));
  }

  static uint16x8_t rounded(float32x4_t low, float32x4_t high) {
    return vreinterpretq_u16_bf16(vcvtq_high_bf16_f32(vcvtq_low_bf16_f32(low), high));
  }

  /// Up to 32 columns of up to 32 rows, `stride` apart, as 32 features of an operand panel. What is
  /// not there is zero.
  static void store_columns(std::uint16_t *panel, const float *rows, std::int64_t stride,
                            std::int64_t n_rows, std::int64_t n_columns) {
    for (std::int64_t first = 0; first < lanes; first += 4) {
      for (std::int64_t column = 0; column < 32; column += 8) {
        uint32x4_t pairs[4];
        for (std::int64_t i = 0; i < 4; ++i) {
          const float *row = rows + (first + i) * stride + column;
          pairs[i] = first + i < n_rows ? eight_columns(row, n_columns - column) : vdupq_n_u32(0);
        }
        transpose(pairs);
        for (std::int64_t i = 0; i < 4; ++i) {
          vst1q_u16(panel + column * lanes + 2 * (i * lanes + first),
                    vreinterpretq_u16_u32(pairs[i]));
        }
      }
    }
  }

  /// Columns of 16 of the 32 rows of a float panel, of 16 lanes each, to rows `stride` apart.
  static void store_square(const float *panel, float *to, std::int64_t stride, std::int64_t n_rows,
                           bool add) {
    for (std::int64_t lane = 0; lane < smaller(16, n_rows); lane += 4) {
      for (std::int64_t row = 0; row < 16; row += 4) {
        uint32x4_t square[4];
        for (std::int64_t i = 0; i < 4; ++i) {
          square[i] = vreinterpretq_u32_f32(vld1q_f32(panel + (row + i) * lanes + lane));
        }
        transpose(square);
        for (std::int64_t i = 0; i < smaller(4, n_rows - lane); ++i) {
          float *at = to + (lane + i) * stride + row;
          const float32x4_t values = vreinterpretq_f32_u32(square[i]);
          vst1q_f32(at, add ? vaddq_f32(values, vld1q_f32(at)) : values);
        }
      }
    }
  }

private:
  static std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

  /// As many as there are, as four pairs.
  static uint32x4_t eight_columns(const float *row, std::int64_t count) {
    if (count >= 8) {
      return vreinterpretq_u32_u16(rounded(row));
    }
    float values[8] = {};
    for (std::int64_t i = 0; i < count; ++i) {
      values[i] = row[i];
    }
    return vreinterpretq_u32_u16(rounded(values));
  }

  /// Four rows of four 32-bit numbers, in place.
  [[gnu::always_inline]] static void transpose(uint32x4_t (&rows)[4]) {
    const uint64x2_t upper_even = vreinterpretq_u64_u32(vtrn1q_u32(rows[0], rows[1]));
    const uint64x2_t upper_odd = vreinterpretq_u64_u32(vtrn2q_u32(rows[0], rows[1]));
    const uint64x2_t lower_even = vreinterpretq_u64_u32(vtrn1q_u32(rows[2], rows[3]));
    const uint64x2_t lower_odd = vreinterpretq_u64_u32(vtrn2q_u32(rows[2], rows[3]));
    rows[0] = vreinterpretq_u32_u64(vtrn1q_u64(upper_even, lower_even));
    rows[1] = vreinterpretq_u32_u64(vtrn1q_u64(upper_odd, lower_odd));
    rows[2] = vreinterpretq_u32_u64(vtrn2q_u64(upper_even, lower_even));
    rows[3] = vreinterpretq_u32_u64(vtrn2q_u64(upper_odd, lower_odd));
  }
};

} // namespace ppocrvl::kernels
