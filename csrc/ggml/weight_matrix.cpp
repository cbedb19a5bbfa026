// SPDX-License-Identifier: Apache-2.0
#include "ggml/weight_matrix.h"

#include <cstddef>
#include <cstring>

namespace ppocrvl {

kernels::Matrix matrix_of(const ggml_tensor &weight) {
  const ggml_type type = weight.type;
  kernels::Matrix matrix{};
  matrix.data = weight.data;
  matrix.rows = weight.ne[1];
  matrix.columns = weight.ne[0];
  matrix.row_bytes = weight.nb[1];
  matrix.block_columns = ggml_blck_size(type);
  matrix.block_bytes = ggml_type_size(type);
  matrix.is_bf16 = type == GGML_TYPE_BF16;
  matrix.to_float = ggml_get_type_traits(type)->to_float;
  if (type == GGML_TYPE_F32) {
    matrix.to_float = [](const void *row, float *values, std::int64_t count) {
      std::memcpy(values, row, static_cast<std::size_t>(count) * sizeof(float));
    };
  }
  return matrix;
}

} // namespace ppocrvl
