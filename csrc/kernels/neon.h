// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/kernels.h"

#include <arm_neon.h>

namespace ppocrvl::kernels {

/// float32. `Kind`: see Scalar.
template <typename Kind> struct Neon {
  using Operand = float;
  using Vector = float32x4_t;
  using Factor = float32x4_t;
  using Pairs = void; // operands are float32
  using Formats = void;
  static constexpr std::int64_t run = 1;

  static Vector load(const float *from) { return vld1q_f32(from); }
  static void store(float *to, Vector values) { vst1q_f32(to, values); }
  static Factor load_factor(const Operand *from) { return vld1q_f32(from); }
  static Factor broadcast(const Operand *from) { return vld1q_dup_f32(from); }
  static Vector multiply_add(Vector sum, Factor a, Factor b) { return vfmaq_f32(sum, a, b); }
};

} // namespace ppocrvl::kernels
