// SPDX-License-Identifier: Apache-2.0
#include "ggml/decoder_operation.h"
#include "ggml/weight_matrix.h"

#include <algorithm>
#include <cstdint>

namespace ppocrvl {
namespace {

/// Tokens from which on our product is faster than ggml's, which multiplies quantized weights as
/// integers where ours decodes them anew. Measured on two cores each of CPUs with AMX and with
/// AVX512-BF16 (docs/decoder.md); on ARM, instructions were counted.
std::int64_t least_tokens(const kernels::DecoderKernels &kernels, const ggml_tensor &weight) {
  if (weight.type == GGML_TYPE_BF16 || (weight.type == GGML_TYPE_Q8_0 && kernels.has_plain_q8_0)) {
    return 1;
  }
  if (has_8_rows_as_one(weight)) { // ggml takes four together
    return kernels.has_tiles ? 5 : std::max(std::int64_t{3}, kernels.least_decoded);
  }
  return kernels.least_decoded;
}

/// Whether a CPU's kernels multiply such weights faster: bfloat16, or a format that is coarser than
/// that anyway and that they read by themselves, or are so fast that it need not be.
bool is_ours(const kernels::DecoderKernels &kernels, const ggml_tensor &weight) {
  if (weight.type == GGML_TYPE_BF16 ||
      (kernels.operands.is_bf16 && matrix_of(weight).format != kernels::Format::other)) {
    return kernels.has_tiles || (kernels.few_tokens != nullptr && weight.ne[0] % 32 == 0);
  }
  return kernels.has_tiles && ggml_is_quantized(weight.type) &&
         ggml_get_type_traits(weight.type)->to_float != nullptr;
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

bool is_for_few(const kernels::DecoderKernels &kernels, const ggml_tensor &op) {
  return kernels.few_tokens != nullptr && op.ne[1] <= kernels::most_few_tokens;
}

class DecoderProduct : public DecoderOperation {
public:
  [[nodiscard]] bool takes(const kernels::DecoderKernels &kernels,
                           const ggml_tensor &op) const override {
    if (op.op != GGML_OP_MUL_MAT || !is_readable_weight(*op.src[0]) ||
        !is_plain_float(*op.src[1]) || !is_plain_float(op)) {
      return false;
    }
    const ggml_tensor &weight = *op.src[0];
    return is_ours(kernels, weight) && op.ne[1] >= least_tokens(kernels, weight);
  }

  /// For the tokens as operands.
  [[nodiscard]] std::size_t work_bytes(const kernels::DecoderKernels &kernels,
                                       const ggml_tensor &op) const override {
    const ggml_tensor &in = *op.src[1];
    if (is_for_few(kernels, op)) {
      return kernels.operands.is_bf16
                 ? static_cast<std::size_t>(ggml_nelements(&in)) * sizeof(std::uint16_t)
                 : 0;
    }
    const std::int64_t count = kernels::panels_of(in.ne[1]) * kernels::lanes *
                               kernels::operand_rows(kernels.operands.is_bf16, in.ne[0]);
    return static_cast<std::size_t>(count) *
           (kernels.operands.is_bf16 ? sizeof(std::uint16_t) : sizeof(float));
  }

  void compute(const kernels::DecoderKernels &kernels, const ggml_compute_params &params,
               const ggml_tensor &op, void *work, void *scratch) const override {
    const ggml_tensor &in = *op.src[1];
    const kernels::Share share{params.ith, params.nth};
    const kernels::Matrix matrix = matrix_of(*op.src[0]);
    const auto *values = static_cast<const float *>(in.data);
    auto *out = static_cast<float *>(op.data);
    if (is_for_few(kernels, op) && !kernels.operands.is_bf16) {
      kernels.few_tokens({&matrix, nullptr, out, in.ne[1], values}, share, scratch);
      return;
    }
    if (is_for_few(kernels, op)) {
      const std::int64_t begin = ggml_nelements(&in) * share.index / share.count;
      const std::int64_t end = ggml_nelements(&in) * (share.index + 1) / share.count;
      auto *rounded = static_cast<ggml_bf16_t *>(work);
      ggml_fp32_to_bf16_row(values + begin, rounded + begin, end - begin);
      ggml_barrier(params.threadpool);
      kernels.few_tokens(
          {&matrix, static_cast<const std::uint16_t *>(work), out, in.ne[1], nullptr}, share,
          scratch);
      return;
    }
    kernels.rows_to_operand(values, work, in.ne[0], in.ne[1], share);
    ggml_barrier(params.threadpool);
    kernels::Linear task{};
    task.matrices = &matrix;
    task.n_matrices = 1;
    task.n_tokens = in.ne[1];
    task.in = work;
    task.out_rows = out;
    kernels.linear(task, share, scratch);
  }
};

} // namespace

const DecoderOperation &decoder_product() {
  static const DecoderProduct operation;
  return operation;
}

} // namespace ppocrvl
