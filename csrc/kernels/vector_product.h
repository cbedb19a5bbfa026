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
  static constexpr std::int64_t group = 8;
  static constexpr std::int64_t run = Arithmetic::run;
  static constexpr std::size_t width = sizeof(Vector) / sizeof(float);
  static constexpr std::size_t n_lanes = lanes;
  static constexpr std::size_t n_vectors = n_lanes / width;

  static void begin() {}
  static void end() {}

  static void store_pair(Operand *to, const float *even, const float *odd) {
    Arithmetic::store_pair(to, even, odd);
  }

  static void decode(Format format, const void *blocks, std::int64_t count, Operand *out,
                     std::int64_t stride) {
    Arithmetic::decode(format, blocks, count, out, stride);
  }

  static void multiply(const Operand *a, std::int64_t a_stride, const Operand *b,
                       std::int64_t depth, float *c, std::int64_t rows, bool add) {
    constexpr std::int64_t whole = group / std::int64_t{height} * std::int64_t{height};
    for (std::int64_t first = 0; first < rows; first += group) {
      float *of_group = c + first * std::int64_t{n_lanes};
      for (std::int64_t row = 0; row < whole; row += std::int64_t{height}) {
        some_rows<height>(a + row * run, b, depth / run, of_group + row * std::int64_t{n_lanes},
                          add);
      }
      if constexpr (whole < group) {
        some_rows<std::size_t{group - whole}>(a + whole * run, b, depth / run,
                                              of_group + whole * std::int64_t{n_lanes}, add);
      }
      a += a_stride;
    }
  }

private:
  template <std::size_t n_rows>
  static void some_rows(const Operand *a, const Operand *b, std::int64_t steps, float *c,
                        bool add) {
    Vector sums[n_rows][n_vectors];
    for (std::size_t i = 0; i < n_rows; ++i) {
      for (std::size_t j = 0; j < n_vectors; ++j) {
        sums[i][j] = add ? Arithmetic::load(c + i * n_lanes + j * width) : Vector{};
      }
    }
    for (std::int64_t step = 0; step < steps; ++step) {
      one_step(a, b, sums);
      a += group * run;
      b += n_lanes * std::size_t{run};
    }
    for (std::size_t i = 0; i < n_rows; ++i) {
      for (std::size_t j = 0; j < n_vectors; ++j) {
        Arithmetic::store(c + i * n_lanes + j * width, sums[i][j]);
      }
    }
  }

  /// Holds in registers, beside the sums, the fewer of rows and parts of the panel.
  template <std::size_t n_rows>
  [[gnu::always_inline]] static void one_step(const Operand *a, const Operand *b,
                                              Vector (&sums)[n_rows][n_vectors]) {
    if constexpr (n_rows < n_vectors) {
      typename Arithmetic::Factor rows[n_rows];
      for (std::size_t i = 0; i < n_rows; ++i) {
        rows[i] = Arithmetic::broadcast(a + i * std::size_t{run});
      }
#pragma GCC unroll 8
      for (std::size_t j = 0; j < n_vectors; ++j) {
        const auto part = Arithmetic::load_factor(b + j * width * std::size_t{run});
#pragma GCC unroll 8
        for (std::size_t i = 0; i < n_rows; ++i) {
          sums[i][j] = Arithmetic::multiply_add(sums[i][j], rows[i], part);
        }
      }
    } else {
      typename Arithmetic::Factor panel[n_vectors];
      for (std::size_t j = 0; j < n_vectors; ++j) {
        panel[j] = Arithmetic::load_factor(b + j * width * std::size_t{run});
      }
#pragma GCC unroll 8
      for (std::size_t i = 0; i < n_rows; ++i) {
        const auto row = Arithmetic::broadcast(a + i * std::size_t{run});
#pragma GCC unroll 8
        for (std::size_t j = 0; j < n_vectors; ++j) {
          sums[i][j] = Arithmetic::multiply_add(sums[i][j], row, panel[j]);
        }
      }
    }
  }
};

} // namespace ppocrvl::kernels
