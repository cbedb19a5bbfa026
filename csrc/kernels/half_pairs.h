// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/kernels.h"

#include <immintrin.h>

namespace ppocrvl::kernels {

/// Rounding by AVX512-BF16. `Kind`: see Scalar.
template <typename Kind> struct HalfPairs {
  /// Two rows of lanes as bfloat16, even and odd by turns. Numbers below 2^-126 become zero.
  static void store(std::uint16_t *to, const float *even, const float *odd) {
    const __m512i by_turns =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                         21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    for (std::int64_t lane = 0; lane < lanes; lane += 16) {
      const auto halves = reinterpret_cast<__m512i>(
          _mm512_cvtne2ps_pbh(_mm512_loadu_ps(odd + lane), _mm512_loadu_ps(even + lane)));
      _mm512_storeu_si512(to + 2 * lane, _mm512_permutexvar_epi16(by_turns, halves));
    }
  }
};

} // namespace ppocrvl::kernels
