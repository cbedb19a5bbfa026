// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace ppocrvl::kernels {

/// Rows to columns by AVX512. `Kind`: see Scalar.
template <typename Kind> struct Transpose {
  static constexpr std::int64_t size = 16; // rows, and their 32-bit numbers

  /// In place: first each 4 x 4 numbers within quarters of registers, then the quarters.
  [[gnu::always_inline]] static void square(__m512i (&rows)[size]) {
    __m512i pairs[size];
    for (std::int64_t i = 0; i < size; i += 2) {
      pairs[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
      pairs[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    // Of quarters[4 * i + j], quarter q holds column 4 * q + j of rows 4 * i to 4 * i + 3.
    __m512i quarters[size];
    for (std::int64_t i = 0; i < size; i += 4) {
      quarters[i] = _mm512_unpacklo_epi64(pairs[i], pairs[i + 2]);
      quarters[i + 1] = _mm512_unpackhi_epi64(pairs[i], pairs[i + 2]);
      quarters[i + 2] = _mm512_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
      quarters[i + 3] = _mm512_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
    }
    constexpr int even = 0x88;
    constexpr int odd = 0xDD;
    for (std::int64_t j = 0; j < 4; ++j) {
      const __m512i upper_even = _mm512_shuffle_i32x4(quarters[j], quarters[4 + j], even);
      const __m512i upper_odd = _mm512_shuffle_i32x4(quarters[j], quarters[4 + j], odd);
      const __m512i lower_even = _mm512_shuffle_i32x4(quarters[8 + j], quarters[12 + j], even);
      const __m512i lower_odd = _mm512_shuffle_i32x4(quarters[8 + j], quarters[12 + j], odd);
      rows[j] = _mm512_shuffle_i32x4(upper_even, lower_even, even);
      rows[4 + j] = _mm512_shuffle_i32x4(upper_odd, lower_odd, even);
      rows[8 + j] = _mm512_shuffle_i32x4(upper_even, lower_even, odd);
      rows[12 + j] = _mm512_shuffle_i32x4(upper_odd, lower_odd, odd);
    }
  }
};

} // namespace ppocrvl::kernels
