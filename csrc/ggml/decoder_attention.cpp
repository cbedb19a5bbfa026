// SPDX-License-Identifier: Apache-2.0
#include "ggml/decoder_operation.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace ppocrvl {
namespace {

// A few tokens leave most of a panel empty; ggml takes them one by one.
constexpr std::int64_t least_tokens = 16;

bool has_no_bias_or_cap(const ggml_tensor &op) {
  std::array<float, 2> slope_and_cap{};
  std::memcpy(slope_and_cap.data(), op.op_params + 1, sizeof slope_and_cap);
  const ggml_tensor *sinks = op.src[4];
  return slope_and_cap[0] == 0.0F && slope_and_cap[1] == 0.0F && sinks == nullptr;
}

/// Of one stream, with the numbers of a head side by side.
bool is_plain(const ggml_tensor &tensor, ggml_type type, std::int64_t d_head) {
  return tensor.type == type && tensor.ne[0] == d_head && tensor.ne[3] == 1 &&
         tensor.nb[0] == ggml_type_size(type);
}

bool is_plain_mask(const ggml_tensor *mask) {
  return mask != nullptr && mask->type == GGML_TYPE_F16 && ggml_is_contiguous(mask) &&
         ggml_is_matrix(mask);
}

template <typename Value> kernels::Strided<Value> strided(const ggml_tensor &tensor) {
  return {static_cast<const std::byte *>(tensor.data), tensor.nb[1], tensor.nb[2]};
}

kernels::CacheAttention task_of(const ggml_tensor &op, void *work) {
  const ggml_tensor &queries = *op.src[0];
  const ggml_tensor &keys = *op.src[1];
  const ggml_tensor &mask = *op.src[3];
  kernels::CacheAttention task{};
  task.queries = strided<float>(queries);
  task.keys = strided<std::uint16_t>(keys);
  task.values = strided<std::uint16_t>(*op.src[2]);
  task.mask = static_cast<const std::uint16_t *>(mask.data);
  task.mask_stride = mask.ne[0];
  std::memcpy(&task.scale, op.op_params, sizeof task.scale);
  task.n_heads = queries.ne[2];
  task.n_cache_heads = keys.ne[2];
  task.d_head = queries.ne[0];
  task.n_tokens = queries.ne[1];
  task.n_cells = keys.ne[1];
  task.work = work;
  task.out = static_cast<float *>(op.data);
  return task;
}

class DecoderAttention : public DecoderOperation {
public:
  [[nodiscard]] bool takes(const kernels::Kernels & /*kernels*/,
                           const ggml_tensor &op) const override {
    if (op.op != GGML_OP_FLASH_ATTN_EXT || op.src[0]->ne[1] < least_tokens) {
      return false;
    }
    const ggml_tensor &queries = *op.src[0];
    const ggml_tensor &keys = *op.src[1];
    const ggml_tensor &values = *op.src[2];
    const std::int64_t d_head = queries.ne[0];
    return d_head % kernels::lanes == 0 && d_head <= kernels::longest_head &&
           is_plain(queries, GGML_TYPE_F32, d_head) && is_plain(keys, GGML_TYPE_F16, d_head) &&
           is_plain(values, GGML_TYPE_F16, d_head) && is_plain_mask(op.src[3]) &&
           keys.ne[2] == values.ne[2] && queries.ne[2] % keys.ne[2] == 0 &&
           ggml_is_contiguous(&op) && has_no_bias_or_cap(op);
  }

  [[nodiscard]] std::size_t work_bytes(const kernels::Kernels &kernels,
                                       const ggml_tensor &op) const override {
    return kernels::cache_work_bytes(kernels, task_of(op, nullptr));
  }

  void compute(const kernels::Kernels &kernels, const ggml_compute_params &params,
               const ggml_tensor &op, void *work) const override {
    const kernels::CacheAttention task = task_of(op, work);
    const kernels::Share share{params.ith, params.nth};
    kernels.pack_cache(task, share, kernels::thread_scratch());
    ggml_barrier(params.threadpool);
    kernels.attend_cache(task, share, kernels::thread_scratch());
  }
};

} // namespace

const DecoderOperation &decoder_attention() {
  static const DecoderAttention operation;
  return operation;
}

} // namespace ppocrvl
