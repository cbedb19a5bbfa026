// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/kernels.h"

#include <immintrin.h>

#include <cstring>

namespace ppocrvl::kernels {

/// Pairs of 16-bit numbers, summed in 32 bits by AVX512-VNNI. `Kind`: see Scalar.
template <typename Kind> struct Avx512Int16 {
  using Operand = std::int16_t;
  // Not __m512i, of which GCC 12 copies all registers in every step.
  using Vector [[gnu::vector_size(64)]] = std::int32_t;
  using Factor = __m512i;
  using Pairs = void;
  using Formats = void;
  static constexpr std::int64_t run = 2;

  static Vector load(const float *from) {
    return reinterpret_cast<Vector>(_mm512_loadu_si512(from));
  }
  static void store(float *to, Vector sums) {
    _mm512_storeu_si512(to, reinterpret_cast<__m512i>(sums));
  }
  static Factor load_factor(const Operand *from) { return _mm512_loadu_si512(from); }
  static Factor broadcast(const Operand *from) {
    std::int32_t pair = 0;
    std::memcpy(&pair, from, sizeof pair);
    return _mm512_set1_epi32(pair);
  }
  static Vector multiply_add(Vector sum, Factor a, Factor b) {
    return reinterpret_cast<Vector>(_mm512_dpwssd_epi32(reinterpret_cast<__m512i>(sum), a, b));
  }
};

} // namespace ppocrvl::kernels
