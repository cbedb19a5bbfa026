// SPDX-License-Identifier: Apache-2.0
#include "ggml/decoder_operation.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <numeric>

namespace ppocrvl {
namespace {

// Fewer leave most of a panel empty.
constexpr std::int64_t least_tokens = 16;

// Whose part of the mask is looked at, in every layer. The others of a prompt are like them.
constexpr std::int64_t most_panels_seen = 4;

bool has_few_queries(const kernels::DecoderKernels &kernels, const ggml_tensor &op) {
  const std::int64_t together = op.src[0]->ne[2] / op.src[1]->ne[2];
  return kernels.few_queries != nullptr && together <= kernels::most_shared_queries;
}

/// Whether tokens see less than three quarters of what panels of them would compute, all cells that
/// any of a panel sees: the next tokens of several requests beside a part of another's prompt.
/// Where the cells lie does not matter. Where it pays was measured on a CPU with AVX512-BF16.
bool is_sparse(const kernels::CacheAttention &task) {
  constexpr std::int64_t size = kernels::lanes;
  std::int64_t n_seen = 0;
  std::int64_t n_computed = 0;
  const std::int64_t n_panels = (task.n_tokens + size - 1) / size;
  const std::int64_t step = size * ((n_panels + most_panels_seen - 1) / most_panels_seen);
  for (std::int64_t panel = 0; panel < task.n_tokens; panel += step) {
    const std::int64_t end = std::min(panel + size, task.n_tokens);
    for (std::int64_t first = 0; first < task.n_cells; first += size) {
      const std::int64_t count = std::min(size, task.n_cells - first);
      std::array<int, std::size_t{size}> by{}; // how many tokens
      for (std::int64_t token = panel; token < end; ++token) {
        const std::uint16_t *mask = task.mask + token * task.mask_stride + first;
        for (std::int64_t i = 0; i < count; ++i) {
          by[static_cast<std::size_t>(i)] += mask[i] == 0 ? 1 : 0;
        }
      }
      n_seen += std::accumulate(by.begin(), by.end(), std::int64_t{0});
      n_computed += size * (size - std::count(by.begin(), by.end(), 0));
    }
  }
  return n_seen * 4 < n_computed * 3;
}

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
  [[nodiscard]] bool takes(const kernels::DecoderKernels &kernels,
                           const ggml_tensor &op) const override {
    if (op.op != GGML_OP_FLASH_ATTN_EXT ||
        (op.src[0]->ne[1] < least_tokens && !has_few_queries(kernels, op))) {
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

  [[nodiscard]] std::size_t work_bytes(const kernels::DecoderKernels &kernels,
                                       const ggml_tensor &op) const override {
    return kernels::cache_work_bytes(kernels.operands, task_of(op, nullptr));
  }

  void compute(const kernels::DecoderKernels &kernels, const ggml_compute_params &params,
               const ggml_tensor &op, void *work, void *scratch) const override {
    const kernels::CacheAttention task = task_of(op, work);
    const kernels::Share share{params.ith, params.nth};
    if (has_few_queries(kernels, op) &&
        (task.n_tokens < least_tokens || (!kernels.has_tiles && is_sparse(task)))) {
      kernels.few_queries(task, share, scratch);
      return;
    }
    kernels.pack_cache(task, share, scratch);
    ggml_barrier(params.threadpool);
    kernels.attend_cache(task, share, scratch);
  }
};

} // namespace

const DecoderOperation &decoder_attention() {
  static const DecoderAttention operation;
  return operation;
}

} // namespace ppocrvl
