// SPDX-License-Identifier: Apache-2.0
//
// The innermost products of convolutions.h. Included by one file for each kind of CPU: see
// panels.h.
#pragma once

#include "kernels/kernels.h"
#include "kernels/scalar.h"
#include "kernels/vector_product.h"

#include <cstring>

namespace ppocrvl::kernels {

/// Rows of a band, all terms, that a product gets at most: they stay in a core's first cache.
constexpr std::int64_t band_rows_at_once = 256;

/// What some places of a window see of a band, for 32 positions side by side. Strides in operands.
template <typename Operand> struct BandOperand {
  const Operand *const *places;
  std::int64_t n_places;
  std::int64_t depth; // rows
  std::int64_t row_stride;
  std::int64_t term_stride; // from a number's first term to its second
};

/// Through vector registers. Weights are packed in groups of eight rows.
template <typename Arithmetic, std::size_t height> struct BandVectors {
  using Operand = typename Arithmetic::Operand;
  using Registers = VectorProduct<Arithmetic, height>;
  static constexpr std::int64_t group = Registers::group;
  static constexpr std::int64_t pair = Arithmetic::run;
  static constexpr std::int64_t terms = 1;
  static constexpr std::int64_t step = pair; // channels

  static void begin() {}
  static void end() {}

  static void multiply(const Operand *weights, std::int64_t group_stride,
                       const BandOperand<Operand> &band, float *sums, std::int64_t n_rows,
                       bool add) {
    for (std::int64_t first = 0; first < n_rows; first += group) {
      one_group<0>(weights, band, sums + first * lanes, add);
      weights += group_stride;
    }
  }

  static void store_weight(Operand *to, std::int64_t row, std::int64_t column, float value) {
    Operand &place = to[(column / pair * group + row) * pair + column % pair];
    if constexpr (pair == 1) {
      place = value;
    } else {
      place = static_cast<Operand>(Scalar<Arithmetic>::rounded_to_bf16(value) >> 16U);
    }
  }

  /// Two channels, 32 positions.
  static void store_pairs(Operand *to, std::int64_t /*term_stride*/, const float *even,
                          const float *odd) {
    Arithmetic::Pairs::store(to, even, odd);
  }

private:
  /// From row `first` of a group on, `height` rows at once.
  template <std::int64_t first>
  [[gnu::always_inline]] static void
  one_group(const Operand *weights, const BandOperand<Operand> &band, float *sums, bool add) {
    if constexpr (first < group) {
      constexpr std::int64_t left = group - first;
      constexpr std::int64_t n_rows = left < std::int64_t{height} ? left : std::int64_t{height};
      some_rows<n_rows>(weights + first * pair, band, sums + first * lanes, add);
      one_group<first + n_rows>(weights, band, sums, add);
    }
  }

  template <std::size_t n_rows>
  [[gnu::always_inline]] static void
  some_rows(const Operand *weights, const BandOperand<Operand> &band, float *out, bool add) {
    constexpr std::size_t width = Registers::width;
    constexpr std::size_t n_vectors = std::size_t{lanes} / width;
    typename Arithmetic::Vector sums[n_rows][n_vectors];
    for (std::size_t i = 0; i < n_rows; ++i) {
      for (std::size_t j = 0; j < n_vectors; ++j) {
        sums[i][j] = add ? Arithmetic::load(out + i * std::size_t{lanes} + j * width)
                         : typename Arithmetic::Vector{};
      }
    }
    for (std::int64_t place = 0; place < band.n_places; ++place) {
      const Operand *seen = band.places[place];
#pragma GCC unroll 4 // else AVX2 does not come near its peak
      for (std::int64_t row = 0; row < band.depth; ++row) {
        Registers::one_step(weights, pair, seen, sums);
        weights += group * pair;
        seen += band.row_stride;
      }
    }
    for (std::size_t i = 0; i < n_rows; ++i) {
      for (std::size_t j = 0; j < n_vectors; ++j) {
        Arithmetic::store(out + i * std::size_t{lanes} + j * width, sums[i][j]);
      }
    }
  }
};

} // namespace ppocrvl::kernels
