// SPDX-License-Identifier: Apache-2.0
#include "ggml/decoder_operation.h"
#include "ggml/weight_matrix.h"

#include <cstdint>

namespace ppocrvl {
namespace {

// Tokens from which on our product is faster than ggml's, which multiplies quantized weights as
// integers where ours decodes them anew. Measured on two cores of a CPU with AMX (docs/decoder.md).
constexpr std::int64_t least_tokens_bf16 = 1;
constexpr std::int64_t least_tokens_quantized = 3;
constexpr std::int64_t least_tokens_of_8_rows = 5; // ggml takes four together

std::int64_t least_tokens(const ggml_tensor &weight) {
  if (weight.type == GGML_TYPE_BF16) {
    return least_tokens_bf16;
  }
  return has_8_rows_as_one(weight) ? least_tokens_of_8_rows : least_tokens_quantized;
}

/// bfloat16, or a format that is coarser than that anyway.
bool is_ours(ggml_type type) {
  return type == GGML_TYPE_BF16 ||
         (ggml_is_quantized(type) && ggml_get_type_traits(type)->to_float != nullptr);
}

/// Whether the values are in the process's memory, in an order that we know.
bool is_readable_weight(const ggml_tensor &tensor) {
  return tensor.op == GGML_OP_NONE && tensor.buffer != nullptr && ggml_is_contiguous(&tensor) &&
         ggml_is_matrix(&tensor) &&
         (ggml_backend_buffer_is_host(tensor.buffer) || has_8_rows_as_one(tensor));
}

bool is_plain_float(const ggml_tensor &tensor) {
  return tensor.type == GGML_TYPE_F32 && ggml_is_contiguous(&tensor) && ggml_is_matrix(&tensor);
}

/// Whether few tokens meet weights that are read as they are. One alone is ggml's: it is as fast.
bool is_for_few(const kernels::Kernels &kernels, const ggml_tensor &op) {
  const ggml_tensor &weight = *op.src[0];
  return kernels.few_tokens != nullptr && weight.type == GGML_TYPE_BF16 && weight.ne[0] % 32 == 0 &&
         op.ne[1] <= kernels::most_few_tokens;
}

class DecoderProduct : public DecoderOperation {
public:
  [[nodiscard]] bool takes(const kernels::Kernels &kernels, const ggml_tensor &op) const override {
    if (op.op != GGML_OP_MUL_MAT || !is_readable_weight(*op.src[0]) ||
        !is_plain_float(*op.src[1]) || !is_plain_float(op)) {
      return false;
    }
    const ggml_tensor &weight = *op.src[0];
    return kernels.has_tiles ? is_ours(weight.type) && op.ne[1] >= least_tokens(weight)
                             : is_for_few(kernels, op);
  }

  /// For the tokens as operands.
  [[nodiscard]] std::size_t work_bytes(const kernels::Kernels &kernels,
                                       const ggml_tensor &op) const override {
    const ggml_tensor &in = *op.src[1];
    if (is_for_few(kernels, op)) {
      return static_cast<std::size_t>(ggml_nelements(&in)) * sizeof(std::uint16_t);
    }
    const std::int64_t count = kernels::panels_of(in.ne[1]) * kernels::lanes *
                               kernels::operand_rows(kernels.is_half, in.ne[0]);
    return static_cast<std::size_t>(count) *
           (kernels.is_half ? sizeof(std::uint16_t) : sizeof(float));
  }

  void compute(const kernels::Kernels &kernels, const ggml_compute_params &params,
               const ggml_tensor &op, void *work) const override {
    const ggml_tensor &in = *op.src[1];
    const kernels::Share share{params.ith, params.nth};
    const kernels::Matrix matrix = matrix_of(*op.src[0]);
    const auto *values = static_cast<const float *>(in.data);
    auto *out = static_cast<float *>(op.data);
    if (is_for_few(kernels, op)) {
      const std::int64_t begin = ggml_nelements(&in) * share.index / share.count;
      const std::int64_t end = ggml_nelements(&in) * (share.index + 1) / share.count;
      auto *rounded = static_cast<ggml_bf16_t *>(work);
      ggml_fp32_to_bf16_row(values + begin, rounded + begin, end - begin);
      ggml_barrier(params.threadpool);
      kernels.few_tokens({&matrix, static_cast<const std::uint16_t *>(work), out, in.ne[1]}, share);
      return;
    }
    kernels.rows_to_operand(values, work, in.ne[0], in.ne[1], share);
    ggml_barrier(params.threadpool);
    kernels::Linear task{};
    task.matrices = &matrix;
    task.n_matrices = 1;
    task.n_panels = kernels::panels_of(in.ne[1]);
    task.in = work;
    task.out_rows = out;
    task.n_out_rows = in.ne[1];
    kernels.linear(task, share, kernels::thread_scratch());
  }
};

} // namespace

const DecoderOperation &decoder_product() {
  static const DecoderProduct operation;
  return operation;
}

} // namespace ppocrvl
