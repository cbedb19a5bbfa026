// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/kernels.h"
#include "kernels/transpose.h"

#include <immintrin.h>

namespace ppocrvl::kernels {

/// Rounding by AVX512-BF16. `Kind`: see Scalar.
template <typename Kind> struct Bf16Pairs {
  /// Two rows of lanes as bfloat16, even and odd interleaved. Numbers below 2^-126 become zero.
  static void store(std::uint16_t *to, const float *even, const float *odd) {
    for (std::int64_t lane = 0; lane < lanes; lane += 16) {
      _mm512_storeu_si512(to + 2 * lane,
                          paired(_mm512_loadu_ps(even + lane), _mm512_loadu_ps(odd + lane)));
    }
  }

  /// Each number as a sum of two, the second of which goes to `rest`.
  static void store_split(std::uint16_t *to, std::uint16_t *rest, const float *even,
                          const float *odd) {
    const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xFFFF0000U));
    for (std::int64_t lane = 0; lane < lanes; lane += 16) {
      const __m512 evens = _mm512_loadu_ps(even + lane);
      const __m512 odds = _mm512_loadu_ps(odd + lane);
      const __m512i pairs = paired(evens, odds);
      const auto nearest_evens = reinterpret_cast<__m512>(_mm512_slli_epi32(pairs, 16));
      const auto nearest_odds = reinterpret_cast<__m512>(_mm512_and_si512(pairs, upper));
      _mm512_storeu_si512(to + 2 * lane, pairs);
      _mm512_storeu_si512(rest + 2 * lane, paired(_mm512_sub_ps(evens, nearest_evens),
                                                  _mm512_sub_ps(odds, nearest_odds)));
    }
  }

  static __m512i paired(__m512 even, __m512 odd) {
    const __m512i interleaved =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                         21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    const auto rounded = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(odd, even));
    return _mm512_permutexvar_epi16(interleaved, rounded);
  }

  /// Up to 32 columns of up to 32 rows, `stride` apart, as 32 features of an operand panel. What is
  /// not there is zero.
  static void store_columns(std::uint16_t *panel, const float *rows, std::int64_t stride,
                            std::int64_t n_rows, std::int64_t n_columns) {
    using Square = Transpose<Kind>;
    const auto columns = static_cast<std::uint32_t>((std::uint64_t{1} << n_columns) - 1);
    const auto low_columns = static_cast<__mmask16>(columns);
    const auto high_columns = static_cast<__mmask16>(columns >> 16U);
    for (std::int64_t first = 0; first < lanes; first += Square::size) {
      __m512i pairs[Square::size];
#pragma GCC unroll 16
      for (std::int64_t i = 0; i < Square::size; ++i) {
        const float *row = rows + (first + i) * stride;
        pairs[i] = first + i < n_rows ? reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(
                                            _mm512_maskz_loadu_ps(high_columns, row + 16),
                                            _mm512_maskz_loadu_ps(low_columns, row)))
                                      : _mm512_setzero_si512();
      }
      Square::square(pairs);
#pragma GCC unroll 16
      for (std::int64_t i = 0; i < Square::size; ++i) {
        _mm512_storeu_si512(panel + 2 * (i * lanes + first), pairs[i]);
      }
    }
  }

  /// Columns of 16 of the 32 rows of a float panel, of 16 lanes each, to rows `stride` apart.
  static void store_square(const float *panel, float *to, std::int64_t stride, std::int64_t n_rows,
                           bool add) {
    using Square = Transpose<Kind>;
    __m512i square[Square::size];
#pragma GCC unroll 16
    for (std::int64_t i = 0; i < Square::size; ++i) {
      square[i] = _mm512_loadu_si512(panel + i * lanes);
    }
    Square::square(square);
#pragma GCC unroll 16
    for (std::int64_t i = 0; i < Square::size; ++i) {
      if (i < n_rows) {
        auto values = reinterpret_cast<__m512>(square[i]);
        if (add) {
          values = _mm512_add_ps(values, _mm512_loadu_ps(to + i * stride));
        }
        _mm512_storeu_ps(to + i * stride, values);
      }
    }
  }
};

} // namespace ppocrvl::kernels
