// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/kernels.h"
#include "kernels/neon_bf16_formats.h"

#include <arm_neon.h>

namespace ppocrvl::kernels {

/// For NeonFewTokens: bfloat16 on both sides, two products a lane and instruction. `Kind`: see
/// Scalar.
template <typename Kind> struct NeonBf16 {
  using Token = std::uint16_t;
  using Values = bfloat16x8_t;
  using Formats = NeonBf16Formats<Kind>;

  static const Token *tokens(const FewTokens &task) { return task.in; }
  static Values token(const Token *from) { return vreinterpretq_bf16_u16(vld1q_u16(from)); }
  static Values weights(const std::uint16_t *from) { return token(from); }
  static float32x4_t multiply_add(float32x4_t sum, Values a, Values b) {
    return vbfdotq_f32(sum, a, b);
  }
};

} // namespace ppocrvl::kernels
