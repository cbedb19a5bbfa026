// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ggml.h"
#include "kernels/kernels.h"

namespace ppocrvl {

/// Whether ggml holds the weights in the one of its own orders that kernels with bfloat16 operands
/// can read.
bool has_8_rows_as_one(const ggml_tensor &weight);

/// Weights [columns, rows] in the process's memory as our kernels read them, without a bias. Of a
/// type that ggml can turn into float32, in the order of the file unless `has_8_rows_as_one`.
kernels::Matrix matrix_of(const ggml_tensor &weight);

} // namespace ppocrvl
