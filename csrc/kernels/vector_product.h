// SPDX-License-Identifier: Apache-2.0
//
// Products through vector registers: each row of eight packed ones is broadcast against the lanes
// of a panel.
#pragma once

#include "kernels/kernels.h"

namespace ppocrvl::kernels {

/// `Arithmetic` says what a register holds and how it multiplies; `height` rows are summed at once.
template <typename Arithmetic, std::size_t height> struct VectorProduct {
  using Operand = typename Arithmetic::Operand;
  static constexpr bool has_tiles = false;
  using Vector = typename Arithmetic::Vector;
  using Pairs = typename Arithmetic::Pairs;
  using Formats = typename Arithmetic::Formats;
  static constexpr std::int64_t group = 8;
  static constexpr std::int64_t run = Arithmetic::run;
  static constexpr std::size_t width = sizeof(Vector) / sizeof(float);
  static constexpr std::size_t n_lanes = lanes;
  static constexpr std::int64_t sixteen_lanes = lanes / 2;

  static void begin() {}
  static void end() {}

  static void multiply(const Operand *a, std::int64_t a_stride, const Operand *b,
                       std::int64_t depth, float *c, std::int64_t rows, bool add) {
    constexpr Strides packed{run, group * run};
    for (std::int64_t first = 0; first < rows; first += group) {
      multiply_rows<lanes>(a, packed, b, depth, c + first * lanes, group, add);
      a += a_stride;
    }
  }

  /// The first `used` lanes, with some rows (a multiple of `group`) one after another, so many
  /// operands apart. Calls `ahead` with the number of each `group` of them before they are read.
  template <std::int64_t used, typename Ahead>
  static void multiply_plain(const Operand *rows, std::int64_t row_stride, std::int64_t n_rows,
                             const Operand *b, std::int64_t depth, float *c, Ahead ahead) {
    const Strides plain{row_stride, run};
    // What is left of rows that `height` does not divide is slow: better once than in every group.
    const std::int64_t together = group % rows_at_once<used> == 0 ? group : n_rows;
    for (std::int64_t first = 0; first < n_rows; first += together) {
      for (std::int64_t row = first; row < first + together; row += group) {
        ahead(row / group);
      }
      multiply_rows<used>(rows + first * row_stride, plain, b, depth, c + first * lanes, together,
                          false);
    }
  }

private:
  /// How far apart rows and their parts are.
  struct Strides {
    std::int64_t row;
    std::int64_t step;
  };

  /// Rows that are summed at once: the fewer lanes, the more.
  template <std::int64_t used>
  static constexpr std::int64_t rows_at_once = std::int64_t{height} * lanes / used;

  template <std::int64_t used>
  [[gnu::always_inline]] static void multiply_rows(const Operand *a, Strides strides,
                                                   const Operand *b, std::int64_t depth, float *c,
                                                   std::int64_t n_rows, bool add) {
    constexpr std::int64_t whole = rows_at_once<used>;
    constexpr std::size_t n_vectors = used / width;
    std::int64_t row = 0;
    for (; row + whole <= n_rows; row += whole) {
      some_rows<whole, n_vectors>(a + row * strides.row, strides, b, depth / run, c + row * lanes,
                                  add);
    }
    if constexpr (group % whole != 0) {
      last_rows<whole - 1, n_vectors>(a + row * strides.row, strides, b, depth / run,
                                      c + row * lanes, n_rows - row, add);
    }
  }

  /// Up to `most` rows.
  template <std::size_t most, std::size_t n_vectors>
  [[gnu::always_inline]] static void last_rows(const Operand *a, Strides strides, const Operand *b,
                                               std::int64_t steps, float *c, std::int64_t n_rows,
                                               bool add) {
    if constexpr (most > 0) {
      if (n_rows == std::int64_t{most}) {
        some_rows<most, n_vectors>(a, strides, b, steps, c, add);
      } else {
        last_rows<most - 1, n_vectors>(a, strides, b, steps, c, n_rows, add);
      }
    }
  }

  template <std::size_t n_rows, std::size_t n_vectors>
  [[gnu::always_inline]] static void some_rows(const Operand *a, Strides strides, const Operand *b,
                                               std::int64_t steps, float *c, bool add) {
    Vector sums[n_rows][n_vectors];
    for (std::size_t i = 0; i < n_rows; ++i) {
      for (std::size_t j = 0; j < n_vectors; ++j) {
        sums[i][j] = add ? Arithmetic::load(c + i * n_lanes + j * width) : Vector{};
      }
    }
#pragma GCC unroll 4 // else AVX2 does not come near its peak
    for (std::int64_t step = 0; step < steps; ++step) {
      one_step(a, strides.row, b, sums);
      a += strides.step;
      b += n_lanes * std::size_t{run};
    }
    for (std::size_t i = 0; i < n_rows; ++i) {
      for (std::size_t j = 0; j < n_vectors; ++j) {
        Arithmetic::store(c + i * n_lanes + j * width, sums[i][j]);
      }
    }
  }

public:
  /// Holds in registers, beside the sums, the fewer of rows and parts of the panel. Its loops must
  /// be unrolled as a whole: sums with an index that the compiler does not know lie in memory.
  template <std::size_t n_rows, std::size_t n_vectors>
  [[gnu::always_inline]] static void one_step(const Operand *a, std::int64_t row_stride,
                                              const Operand *b, Vector (&sums)[n_rows][n_vectors]) {
    static_assert(n_rows <= 16 && n_vectors <= 16);
    if constexpr (n_rows < n_vectors) {
      typename Arithmetic::Factor rows[n_rows];
      for (std::size_t i = 0; i < n_rows; ++i) {
        rows[i] = Arithmetic::broadcast(a + static_cast<std::int64_t>(i) * row_stride);
      }
#pragma GCC unroll 16
      for (std::size_t j = 0; j < n_vectors; ++j) {
        const auto part = Arithmetic::load_factor(b + j * width * std::size_t{run});
#pragma GCC unroll 16
        for (std::size_t i = 0; i < n_rows; ++i) {
          sums[i][j] = Arithmetic::multiply_add(sums[i][j], rows[i], part);
        }
      }
    } else {
      typename Arithmetic::Factor panel[n_vectors];
      for (std::size_t j = 0; j < n_vectors; ++j) {
        panel[j] = Arithmetic::load_factor(b + j * width * std::size_t{run});
      }
#pragma GCC unroll 16
      for (std::size_t i = 0; i < n_rows; ++i) {
        const auto row = Arithmetic::broadcast(a + static_cast<std::int64_t>(i) * row_stride);
#pragma GCC unroll 16
        for (std::size_t j = 0; j < n_vectors; ++j) {
          sums[i][j] = Arithmetic::multiply_add(sums[i][j], row, panel[j]);
        }
      }
    }
  }
};

} // namespace ppocrvl::kernels
