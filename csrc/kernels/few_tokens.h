// SPDX-License-Identifier: Apache-2.0
//
// Products of few tokens: every weight is read once, in the order of memory, and met by all tokens
// while it is in a register.
#pragma once

#include "kernels/kernels.h"

#include <immintrin.h>

namespace ppocrvl::kernels {

/// By AVX512-BF16. `Kind`: see Scalar.
template <typename Kind> struct FewTokensProduct {
  static constexpr std::size_t width = 32;

  static void multiply(const FewTokens &task, Share share) {
    const std::int64_t n_rows = task.matrix->rows;
    const std::int64_t begin = n_rows * share.index / share.count;
    const std::int64_t end = n_rows * (share.index + 1) / share.count;
    static_assert(most_few_tokens == 8);
    switch (task.n_tokens) {
    case 1:
      return rows_with<1, 8>(task, begin, end);
    case 2:
      return rows_with<2, 8>(task, begin, end);
    case 3:
      return rows_with<3, 4>(task, begin, end);
    case 4:
      return rows_with<4, 4>(task, begin, end);
    case 5:
      return rows_with<5, 2>(task, begin, end);
    case 6:
      return rows_with<6, 2>(task, begin, end);
    case 7:
      return rows_with<7, 2>(task, begin, end);
    default:
      return rows_with<8, 2>(task, begin, end);
    }
  }

private:
  template <std::size_t n_tokens, std::size_t height>
  static void rows_with(const FewTokens &task, std::int64_t begin, std::int64_t end) {
    constexpr auto n_rows = std::int64_t{height};
    std::int64_t row = begin;
    for (; row + n_rows <= end; row += n_rows) {
      some_rows<n_tokens, height>(task, row);
    }
    for (; row < end; ++row) {
      some_rows<n_tokens, 1>(task, row);
    }
  }

  template <std::size_t n_tokens, std::size_t height>
  static void some_rows(const FewTokens &task, std::int64_t first) {
    const Matrix &matrix = *task.matrix;
    const auto columns = static_cast<std::size_t>(matrix.columns);
    const auto n_rows = static_cast<std::size_t>(matrix.rows);
    const auto *weights = static_cast<const std::byte *>(matrix.data) +
                          static_cast<std::size_t>(first) * matrix.row_bytes;
    __m512 sums[height][n_tokens];
    for (std::size_t i = 0; i < height; ++i) {
      for (std::size_t t = 0; t < n_tokens; ++t) {
        sums[i][t] = _mm512_setzero_ps();
      }
    }
    for (std::size_t column = 0; column < columns; column += width) {
      __m512bh tokens[n_tokens];
      for (std::size_t t = 0; t < n_tokens; ++t) {
        tokens[t] = load(task.in + t * columns + column);
      }
#pragma GCC unroll 8
      for (std::size_t i = 0; i < height; ++i) {
        const std::byte *at = weights + i * matrix.row_bytes + column * sizeof *task.in;
        __builtin_prefetch(at + height * matrix.row_bytes);
        const __m512bh row = load(at);
#pragma GCC unroll 8
        for (std::size_t t = 0; t < n_tokens; ++t) {
          sums[i][t] = _mm512_dpbf16_ps(sums[i][t], row, tokens[t]);
        }
      }
    }
    float *out = task.out + first;
    for (std::size_t i = 0; i < height; ++i) {
      for (std::size_t t = 0; t < n_tokens; ++t) {
        out[t * n_rows + i] = _mm512_reduce_add_ps(sums[i][t]);
      }
    }
  }

  static __m512bh load(const void *from) {
    return reinterpret_cast<__m512bh>(_mm512_loadu_si512(from));
  }
};

} // namespace ppocrvl::kernels
