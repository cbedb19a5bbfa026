// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/kernels.h"

#include <immintrin.h>

#include <cstring>

namespace ppocrvl::kernels {

/// float32. `Kind`: see Scalar.
template <typename Kind> struct Avx2 {
  using Operand = float;
  using Vector = __m256;
  using Factor = __m256;
  using Pairs = void; // operands are float32
  using Formats = void;
  static constexpr std::int64_t run = 1;

  static Vector load(const float *from) { return _mm256_loadu_ps(from); }
  static void store(float *to, Vector values) { _mm256_storeu_ps(to, values); }
  static Factor load_factor(const Operand *from) { return _mm256_loadu_ps(from); }
  static Factor broadcast(const Operand *from) { return _mm256_broadcast_ss(from); }
  static Vector multiply_add(Vector sum, Factor a, Factor b) { return _mm256_fmadd_ps(a, b, sum); }
};

/// Pairs of 16-bit numbers, summed in 32 bits. `Kind`: see Scalar.
template <typename Kind> struct Avx2Int16 {
  using Operand = std::int16_t;
  using Vector = __m256i;
  using Factor = __m256i;
  using Pairs = void;
  using Formats = void;
  static constexpr std::int64_t run = 2;

  static Vector load(const float *from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(from));
  }
  static void store(float *to, Vector sums) {
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(to), sums);
  }
  static Factor load_factor(const Operand *from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(from));
  }
  static Factor broadcast(const Operand *from) {
    std::int32_t pair = 0;
    std::memcpy(&pair, from, sizeof pair);
    return _mm256_set1_epi32(pair);
  }
  static Vector multiply_add(Vector sum, Factor a, Factor b) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
  }
};

} // namespace ppocrvl::kernels
