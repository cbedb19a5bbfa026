// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ggml.h"
#include "kernels/kernels.h"

namespace ppocrvl {

/// Weights [columns, rows] in the process's memory as our kernels read them, without a bias. Of a
/// type that ggml can turn into float32.
kernels::Matrix matrix_of(const ggml_tensor &weight);

} // namespace ppocrvl
