// SPDX-License-Identifier: Apache-2.0
#include "ggml/decoder_threads.h"

#include "ggml/decoder_operation.h"

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>

namespace ppocrvl {
namespace {

using kernels::DecoderKernels;

constexpr std::size_t cache_line = 64;

// Of the graph that the calling thread is about to compute.
thread_local const DecoderKernels *planned = nullptr;

std::shared_mutex pools_mutex;
std::map<const ggml_threadpool *, const DecoderThreads *> pools;

const DecoderThreads *threads_of(const ggml_threadpool *pool) {
  const std::shared_lock<std::shared_mutex> lock(pools_mutex);
  const auto found = pools.find(pool);
  return found == pools.end() ? nullptr : found->second;
}

/// Makes one of our operations one of ggml's accelerator.
class Accelerated : public ggml::cpu::tensor_traits {
public:
  explicit Accelerated(const DecoderOperation &operation) : operation_(operation) {}

  bool work_size(int /*n_threads*/, const ggml_tensor *op, std::size_t &size) override {
    if (planned == nullptr || !operation_.takes(*planned, *op)) {
      return false;
    }
    size = operation_.work_bytes(*planned, *op) + cache_line;
    return true;
  }

  bool compute_forward(ggml_compute_params *params, ggml_tensor *op) override {
    const DecoderThreads *threads = threads_of(params->threadpool);
    if (threads == nullptr || !operation_.takes(threads->kernels(), *op)) {
      return false;
    }
    const DecoderKernels &kernels = threads->kernels();
    void *work = params->wdata;
    std::size_t space = params->wsize;
    work = std::align(cache_line, operation_.work_bytes(kernels, *op), work, space);
    GGML_ASSERT(work != nullptr); // `work_size` asked for enough
    operation_.compute(kernels, *params, *op, work, threads->scratch(params->ith));
    return true;
  }

private:
  const DecoderOperation &operation_;
};

class Accelerator : public ggml::cpu::extra_buffer_type {
public:
  /// No weights are kept in a buffer of ours: they are read where they are.
  bool supports_op(ggml_backend_dev_t /*device*/, const ggml_tensor * /*op*/) override {
    return false;
  }

  ggml::cpu::tensor_traits *get_tensor_traits(const ggml_tensor *op) override {
    switch (op->op) {
    case GGML_OP_MUL_MAT:
      return &product_;
    case GGML_OP_FLASH_ATTN_EXT:
      return &attention_;
    default:
      return nullptr;
    }
  }

private:
  Accelerated product_{decoder_product()};
  Accelerated attention_{decoder_attention()};
};

} // namespace

void join_accelerators() {
  static std::once_flag once;
  std::call_once(once, [] {
    static Accelerator accelerator;
    static ggml_backend_buffer_type type{};
    ggml_backend_reg_t cpu = ggml_backend_cpu_reg();
    type.device = ggml_backend_reg_dev_get(cpu, 0);
    type.context = &accelerator;
    // Those that weights may be loaded into are asked for, and remembered, before ours is there.
    auto *buffers = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(
        ggml_backend_reg_get_proc_address(cpu, "ggml_backend_dev_get_extra_bufts"));
    if (buffers != nullptr) {
      buffers(type.device);
    }
    // Before them, or they would take all products of their weights.
    auto &accelerators = ggml_backend_cpu_get_extra_buffer_types();
    accelerators.insert(accelerators.begin(), &type);
  });
}

DecoderThreads::DecoderThreads(const DecoderKernels &kernels, int n_threads)
    : kernels_(kernels), scratch_(n_threads), pool_(n_threads) {
  join_accelerators();
  const std::unique_lock<std::shared_mutex> lock(pools_mutex);
  pools[pool_.get()] = this;
}

DecoderThreads::~DecoderThreads() {
  const std::unique_lock<std::shared_mutex> lock(pools_mutex);
  pools.erase(pool_.get());
}

DecoderThreads::Use::Use(const DecoderThreads *threads) {
  planned = threads == nullptr ? nullptr : &threads->kernels_;
}

DecoderThreads::Use::~Use() { planned = nullptr; }

} // namespace ppocrvl
