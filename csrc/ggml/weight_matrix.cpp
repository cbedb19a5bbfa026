// SPDX-License-Identifier: Apache-2.0
#include "ggml/weight_matrix.h"

#include "ggml-backend.h"

#include <cstddef>
#include <cstring>

namespace ppocrvl {
namespace {

kernels::Format format_of(ggml_type type) {
  using kernels::Format;
  switch (type) {
  case GGML_TYPE_BF16:
    return Format::bf16;
  case GGML_TYPE_Q4_0:
    return Format::q4_0;
  case GGML_TYPE_Q5_0:
    return Format::q5_0;
  case GGML_TYPE_Q8_0:
    return Format::q8_0;
  case GGML_TYPE_Q4_K:
    return Format::q4_k;
  case GGML_TYPE_Q5_K:
    return Format::q5_k;
  case GGML_TYPE_Q6_K:
    return Format::q6_k;
  case GGML_TYPE_IQ4_NL:
    return Format::iq4_nl;
  default:
    return Format::other;
  }
}

} // namespace

bool has_8_rows_as_one(const ggml_tensor &weight) {
  return weight.type == GGML_TYPE_Q4_K && weight.buffer != nullptr && weight.ne[1] % 8 == 0 &&
         std::strcmp(ggml_backend_buft_name(ggml_backend_buffer_get_type(weight.buffer)),
                     "CPU_REPACK") == 0;
}

kernels::Matrix matrix_of(const ggml_tensor &weight) {
  const ggml_type type = weight.type;
  kernels::Matrix matrix{};
  matrix.data = weight.data;
  matrix.rows = weight.ne[1];
  matrix.columns = weight.ne[0];
  matrix.row_bytes = weight.nb[1];
  matrix.block_columns = ggml_blck_size(type);
  matrix.block_bytes = ggml_type_size(type);
  matrix.format = has_8_rows_as_one(weight) ? kernels::Format::q4_k_of_8_rows : format_of(type);
  matrix.to_float = ggml_get_type_traits(type)->to_float;
  if (type == GGML_TYPE_F32) {
    matrix.to_float = [](const void *row, float *values, std::int64_t count) {
      std::memcpy(values, row, static_cast<std::size_t>(count) * sizeof(float));
    };
  }
  return matrix;
}

} // namespace ppocrvl
