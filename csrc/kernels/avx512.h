// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/kernels.h"

#include <immintrin.h>

namespace ppocrvl::kernels {

/// float32. `Kind`: see Scalar.
template <typename Kind> struct Avx512 {
  using Operand = float;
  using Vector = __m512;
  using Factor = __m512;
  using Pairs = void; // operands are float32
  using Formats = void;
  static constexpr std::int64_t run = 1;

  static Vector load(const float *from) { return _mm512_loadu_ps(from); }
  static void store(float *to, Vector values) { _mm512_storeu_ps(to, values); }
  static Factor load_factor(const Operand *from) { return _mm512_loadu_ps(from); }
  static Factor broadcast(const Operand *from) { return _mm512_set1_ps(*from); }
  static Vector multiply_add(Vector sum, Factor a, Factor b) { return _mm512_fmadd_ps(a, b, sum); }
};

} // namespace ppocrvl::kernels
