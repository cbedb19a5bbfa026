// SPDX-License-Identifier: Apache-2.0
//
// Products of few tokens: every weight is read once, in the order of memory, and met by all tokens
// while it is in a register.
#pragma once

#include "kernels/bf16_formats.h"
#include "kernels/kernels.h"

#include <immintrin.h>

namespace ppocrvl::kernels {

/// By AVX512-BF16. `Kind`: see Scalar.
template <typename Kind> struct FewTokensProduct {
  static constexpr std::int64_t width = 32;           // numbers of a register
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
  /// Rows of bfloat16, so many bytes apart.
  struct Rows {
    const std::byte *first;
    std::int64_t stride;
  };

  /// Of a group's rows with each token.
  template <std::size_t n_tokens> struct Sums {
    __m512 of[std::size_t{group}][n_tokens];
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
            plain ? Rows{address(matrix, row, 0), static_cast<std::int64_t>(matrix.row_bytes)}
                  : decoded(matrix, row, n_rows, column, count, scratch);
        add_rows<n_tokens, height>(rows, n_rows, task.in + column, matrix.columns, count, sums);
      }
      for (std::int64_t r = 0; r < n_rows; ++r) {
        for (std::size_t t = 0; t < n_tokens; ++t) {
          task.out[static_cast<std::int64_t>(t) * matrix.rows + row + r] =
              _mm512_reduce_add_ps(sums.of[r][t]);
        }
      }
    }
  }

  static const std::byte *address(const Matrix &matrix, std::int64_t row, std::int64_t column) {
    return static_cast<const std::byte *>(matrix.data) +
           static_cast<std::size_t>(row) * matrix.row_bytes +
           static_cast<std::size_t>(column / matrix.block_columns) * matrix.block_bytes;
  }

  static void prefetch(const std::byte *from, std::int64_t count) {
    for (std::int64_t at = 0; at < count; at += 64) {
      __builtin_prefetch(from + at);
    }
  }

  static Rows decoded(const Matrix &matrix, std::int64_t row, std::int64_t n_rows,
                      std::int64_t column, std::int64_t count, void *scratch) {
    auto *out = static_cast<std::uint16_t *>(scratch);
    constexpr std::int64_t row_stride =
        columns_ahead + width; // not all rows in the same cache sets
    const std::int64_t blocks = count / matrix.block_columns;
    const std::int64_t row_bytes = blocks * static_cast<std::int64_t>(matrix.block_bytes);
    if (matrix.format == Format::q4_k_of_8_rows) {
      const std::int64_t before = column / matrix.block_columns * group;
      const std::byte *eight =
          address(matrix, row, 0) + static_cast<std::size_t>(before) * matrix.block_bytes;
      prefetch(eight + group * static_cast<std::int64_t>(matrix.row_bytes), group * row_bytes);
      Bf16Formats<Kind>::decode_8_rows(eight, count, out, row_stride, width);
    } else {
      for (std::int64_t i = 0; i < n_rows; ++i) {
        prefetch(address(matrix, row + i + group, column), row_bytes);
        Bf16Formats<Kind>::decode(matrix.format, address(matrix, row + i, column), count,
                                  out + i * row_stride, width);
      }
    }
    return {static_cast<const std::byte *>(scratch), row_stride * std::int64_t{sizeof *out}};
  }

  template <std::size_t n_tokens, std::size_t height>
  static void add_rows(const Rows &rows, std::int64_t n_rows, const std::uint16_t *in,
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
  static void add_some(const Rows &rows, const std::uint16_t *in, std::int64_t in_stride,
                       std::int64_t count, __m512 (*all)[n_tokens]) {
    __m512 sums[height][n_tokens];
    for (std::size_t i = 0; i < height; ++i) {
      for (std::size_t t = 0; t < n_tokens; ++t) {
        sums[i][t] = all[i][t];
      }
    }
    for (std::int64_t column = 0; column < count; column += width) {
      __m512bh tokens[n_tokens];
      for (std::size_t t = 0; t < n_tokens; ++t) {
        tokens[t] = load(in + static_cast<std::int64_t>(t) * in_stride + column);
      }
      const std::byte *at = rows.first + column * std::int64_t{sizeof *in};
#pragma GCC unroll 8
      for (std::size_t i = 0; i < height; ++i) {
        __builtin_prefetch(at + group * rows.stride);
        const __m512bh row = load(at);
        at += rows.stride;
#pragma GCC unroll 8
        for (std::size_t t = 0; t < n_tokens; ++t) {
          sums[i][t] = _mm512_dpbf16_ps(sums[i][t], row, tokens[t]);
        }
      }
    }
    for (std::size_t i = 0; i < height; ++i) {
      for (std::size_t t = 0; t < n_tokens; ++t) {
        all[i][t] = sums[i][t];
      }
    }
  }

  static __m512bh load(const void *from) {
    return reinterpret_cast<__m512bh>(_mm512_loadu_si512(from));
  }
};

} // namespace ppocrvl::kernels
