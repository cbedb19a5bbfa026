// SPDX-License-Identifier: Apache-2.0
//
// Products of few tokens: every weight is read once, in the order of memory, and met by all tokens
// while it is in a register.
#pragma once

#include "kernels/kernels.h"

#include <arm_neon.h>

#include <cstddef>
#include <type_traits>

namespace ppocrvl::kernels {

/// bfloat16 weights as float32, with tokens in float32. `Kind`: see Scalar.
template <typename Kind> struct NeonFloats {
  using Token = float;
  using Formats = void; // reads bfloat16 alone

  struct Values {
    float32x4_t low;
    float32x4_t high;
  };

  static const Token *tokens(const FewTokens &task) { return task.in_floats; }

  static Values token(const Token *from) { return {vld1q_f32(from), vld1q_f32(from + 4)}; }

  static Values weights(const std::uint16_t *from) {
    const uint16x8_t bits = vld1q_u16(from);
    return {vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(bits), 16)),
            vreinterpretq_f32_u32(vshll_high_n_u16(bits, 16))};
  }

  static float32x4_t multiply_add(float32x4_t sum, const Values &a, const Values &b) {
    return vfmaq_f32(vfmaq_f32(sum, a.low, b.low), a.high, b.high);
  }
};

/// `Numbers`: NeonFloats or NeonBf16.
template <typename Numbers> struct NeonFewTokens {
  using Token = typename Numbers::Token;
  using Values = typename Numbers::Values;

  static constexpr std::int64_t width = 8;            // numbers that are multiplied at once
  static constexpr std::int64_t group = 8;            // rows that are decoded together
  static constexpr std::int64_t columns_ahead = 1024; // decoded at a time, to the nearest cache

  static void multiply(const FewTokens &task, Share share, void *scratch) {
    static_assert(most_few_tokens == 8);
    switch (task.n_tokens) {
    case 1:
      return groups_with<1, 8>(task, share, scratch);
    case 2:
      return groups_with<2, 8>(task, share, scratch);
    case 3:
      return groups_with<3, 4>(task, share, scratch);
    case 4:
      return groups_with<4, 4>(task, share, scratch);
    case 5:
      return groups_with<5, 2>(task, share, scratch);
    case 6:
      return groups_with<6, 2>(task, share, scratch);
    case 7:
      return groups_with<7, 2>(task, share, scratch);
    default:
      return groups_with<8, 2>(task, share, scratch);
    }
  }

private:
  static constexpr bool decodes = !std::is_void_v<typename Numbers::Formats>;

  /// Rows of bfloat16, so many apart.
  struct Rows {
    const std::uint16_t *first;
    std::int64_t stride;
  };

  /// Of a group's rows with each token.
  template <std::size_t n_tokens> struct Sums {
    float32x4_t of[std::size_t{group}][n_tokens];
  };

  template <std::size_t n_tokens, std::size_t height>
  static void groups_with(const FewTokens &task, Share share, void *scratch) {
    const Matrix &matrix = *task.matrix;
    const std::int64_t n_groups = (matrix.rows + group - 1) / group;
    const std::int64_t end = n_groups * (share.index + 1) / share.count;
    const bool plain = matrix.format == Format::bf16;
    const std::int64_t step = plain ? matrix.columns : columns_ahead;
    for (std::int64_t i = n_groups * share.index / share.count; i < end; ++i) {
      const std::int64_t row = i * group;
      const std::int64_t n_rows = matrix.rows - row < group ? matrix.rows - row : group;
      Sums<n_tokens> sums{};
      for (std::int64_t column = 0; column < matrix.columns; column += step) {
        const std::int64_t left = matrix.columns - column;
        const std::int64_t count = left < step ? left : step;
        const Rows rows =
            plain ? plain_rows(matrix, row) : decoded(matrix, row, n_rows, column, count, scratch);
        add_rows<n_tokens, height>(rows, n_rows, Numbers::tokens(task) + column, matrix.columns,
                                   count, sums);
      }
      for (std::int64_t r = 0; r < n_rows; ++r) {
        for (std::size_t t = 0; t < n_tokens; ++t) {
          task.out[static_cast<std::int64_t>(t) * matrix.rows + row + r] =
              vaddvq_f32(sums.of[r][t]);
        }
      }
    }
  }

  static const std::byte *address(const Matrix &matrix, std::int64_t row, std::int64_t column) {
    return static_cast<const std::byte *>(matrix.data) +
           static_cast<std::size_t>(row) * matrix.row_bytes +
           static_cast<std::size_t>(column / matrix.block_columns) * matrix.block_bytes;
  }

  static Rows plain_rows(const Matrix &matrix, std::int64_t row) {
    return {reinterpret_cast<const std::uint16_t *>(address(matrix, row, 0)),
            static_cast<std::int64_t>(matrix.row_bytes / sizeof(std::uint16_t))};
  }

  static Rows decoded(const Matrix &matrix, std::int64_t row, std::int64_t n_rows,
                      std::int64_t column, std::int64_t count, void *scratch) {
    auto *out = static_cast<std::uint16_t *>(scratch);
    constexpr std::int64_t together = 32;                         // weights of a part
    constexpr std::int64_t row_stride = columns_ahead + together; // not all in the same cache sets
    if constexpr (decodes) {
      if (matrix.format == Format::q4_k_of_8_rows) {
        const std::int64_t before = column / matrix.block_columns * group;
        Numbers::Formats::decode_8_rows(address(matrix, row, 0) +
                                            static_cast<std::size_t>(before) * matrix.block_bytes,
                                        count, out, row_stride, together);
      } else {
        for (std::int64_t i = 0; i < n_rows; ++i) {
          Numbers::Formats::decode(matrix.format, address(matrix, row + i, column), count,
                                   out + i * row_stride, together);
        }
      }
    }
    return {out, row_stride};
  }

  template <std::size_t n_tokens, std::size_t height>
  static void add_rows(const Rows &rows, std::int64_t n_rows, const Token *in,
                       std::int64_t in_stride, std::int64_t count, Sums<n_tokens> &sums) {
    constexpr auto step = std::int64_t{height};
    std::int64_t row = 0;
    for (; row + step <= n_rows; row += step) {
      add_some<n_tokens, height>({rows.first + row * rows.stride, rows.stride}, in, in_stride,
                                 count, sums.of + row);
    }
    for (; row < n_rows; ++row) {
      add_some<n_tokens, 1>({rows.first + row * rows.stride, rows.stride}, in, in_stride, count,
                            sums.of + row);
    }
  }

  template <std::size_t n_tokens, std::size_t height>
  static void add_some(const Rows &rows, const Token *in, std::int64_t in_stride,
                       std::int64_t count, float32x4_t (*all)[n_tokens]) {
    float32x4_t sums[height][n_tokens];
#pragma GCC unroll 8
    for (std::size_t i = 0; i < height; ++i) {
#pragma GCC unroll 8
      for (std::size_t t = 0; t < n_tokens; ++t) {
        sums[i][t] = all[i][t];
      }
    }
    for (std::int64_t column = 0; column < count; column += width) {
      Values tokens[n_tokens];
#pragma GCC unroll 8
      for (std::size_t t = 0; t < n_tokens; ++t) {
        tokens[t] = Numbers::token(in + static_cast<std::int64_t>(t) * in_stride + column);
      }
      const std::uint16_t *at = rows.first + column;
#pragma GCC unroll 8
      for (std::size_t i = 0; i < height; ++i) {
        const Values row = Numbers::weights(at);
        at += rows.stride;
#pragma GCC unroll 8
        for (std::size_t t = 0; t < n_tokens; ++t) {
          sums[i][t] = Numbers::multiply_add(sums[i][t], row, tokens[t]);
        }
      }
    }
#pragma GCC unroll 8
    for (std::size_t i = 0; i < height; ++i) {
#pragma GCC unroll 8
      for (std::size_t t = 0; t < n_tokens; ++t) {
        all[i][t] = sums[i][t];
      }
    }
  }
};

} // namespace ppocrvl::kernels
