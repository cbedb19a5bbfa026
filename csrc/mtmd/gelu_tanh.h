// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace ppocrvl {

/// values[i] = gelu(values[i] + bias[i]) with the tanh approximation, in float32.
///
/// gelu(x) = x/2 (1 + tanh(u)) = x / (1 + exp(-2u)), u = sqrt(2/pi) (x + 0.044715 x^3). The error
/// is that of a few float32 roundings; ggml's GELU for CPUs is a table with float16 entries.
void add_bias_gelu_tanh(float *values, const float *bias, std::int64_t count);

} // namespace ppocrvl
