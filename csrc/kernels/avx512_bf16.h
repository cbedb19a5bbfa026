// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/bf16_formats.h"
#include "kernels/bf16_pairs.h"
#include "kernels/kernels.h"

#include <immintrin.h>

#include <cstring>

namespace ppocrvl::kernels {

/// Two bfloat16 products a lane and instruction. `Kind`: see Scalar.
template <typename Kind> struct Avx512Bf16 {
  using Operand = std::uint16_t;
  using Vector = __m512;
  using Factor = __m512bh;
  using Pairs = Bf16Pairs<Kind>;
  using Formats = Bf16Formats<Kind>;
  static constexpr std::int64_t run = 2;

  static Vector load(const float *from) { return _mm512_loadu_ps(from); }
  static void store(float *to, Vector values) { _mm512_storeu_ps(to, values); }
  static Factor load_factor(const Operand *from) {
    return reinterpret_cast<Factor>(_mm512_loadu_si512(from));
  }
  static Factor broadcast(const Operand *from) {
    std::int32_t pair = 0;
    std::memcpy(&pair, from, sizeof pair);
    return reinterpret_cast<Factor>(_mm512_set1_epi32(pair));
  }
  static Vector multiply_add(Vector sum, Factor a, Factor b) { return _mm512_dpbf16_ps(sum, a, b); }
};

} // namespace ppocrvl::kernels
