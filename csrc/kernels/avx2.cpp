// SPDX-License-Identifier: Apache-2.0
//
// Kernels for CPUs with AVX2 and FMA: float32.
#include "kernels/panel_kernels.h"
#include "kernels/tables.h"
#include "kernels/vector_product.h"

#include <immintrin.h>

namespace ppocrvl::kernels {
namespace {

struct Avx2 {
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

} // namespace

// Three rows of four registers, and one for each row and for the panel: all 16 registers.
const Kernels avx2 = PanelKernels<VectorProduct<Avx2, 3>>::table("avx2");

} // namespace ppocrvl::kernels
