// SPDX-License-Identifier: Apache-2.0
#include "model/llama_runtime.h"

#include "support/assertion_guard.h"
#include "support/error.h"
#include "support/faults.h"
#include "support/logging.h"

#include <array>
#include <cstdint>
#include <exception>

namespace ppocrvl {

LlamaModelPtr load_llama_model(const std::string &path, const std::string &device, bool use_mmap) {
  const AssertionGuard guard;
  clear_native_error();
  llama_model_params params = llama_model_default_params();
  params.load_mode = use_mmap ? LLAMA_LOAD_MODE_AUTO : LLAMA_LOAD_MODE_NONE;
  // The list ends with a null. Without devices it is empty; otherwise a GPU would still take single
  // operations.
  std::array<ggml_backend_dev_t, 2> devices{};
  if (device != host_device) {
    devices[0] = find_device(device);
    if (devices[0] == nullptr) {
      throw Error(ErrorKind::engine, "the device " + device + " is gone; see ppocrvl doctor");
    }
  }
  params.devices = devices.data();
  params.n_gpu_layers = devices[0] == nullptr ? 0 : -1;
  params.split_mode = LLAMA_SPLIT_MODE_NONE;
  LlamaModelPtr model(llama_model_load_from_file(path.c_str(), params));
  if (!model) {
    throw Error(ErrorKind::engine,
                "cannot load the language model " + path + ": " + last_native_error());
  }
  return model;
}

llama_context_params usual_context_params(const TextPlacement &placement, std::size_t n_tokens,
                                          std::size_t n_shares, int n_threads) {
  // libllama rounds the context up to this, and each share of it.
  constexpr std::size_t context_step = 256;
  const std::size_t step = context_step * n_shares;
  llama_context_params params = llama_context_default_params();
  params.n_ctx = static_cast<std::uint32_t>((n_tokens + step - 1) / step * step);
  params.n_threads = n_threads;
  params.n_threads_batch = n_threads;
  params.n_batch = static_cast<std::uint32_t>(placement.batch_tokens);
  params.n_ubatch = params.n_batch;
  // A row of logits is n_vocab floats; without this, n_batch rows are kept.
  params.n_outputs_max = TextPlacement::batch_outputs;
  params.type_k = placement.float32_cache ? GGML_TYPE_F32 : GGML_TYPE_F16;
  params.type_v = params.type_k;
  params.flash_attn_type =
      placement.float32_cache ? LLAMA_FLASH_ATTN_TYPE_DISABLED : LLAMA_FLASH_ATTN_TYPE_AUTO;
  params.offload_kqv = !placement.on_host() && placement.kv_on_device;
  params.op_offload = !placement.on_host();
  return params;
}

LlamaContextPtr make_llama_context(llama_model &model, const llama_context_params &params) {
  pass(FaultPoint::allocate_cache);
  const AssertionGuard guard;
  clear_native_error();
  LlamaContextPtr context(llama_init_from_model(&model, params));
  if (!context) {
    throw Error(ErrorKind::engine, "cannot make a KV cache of " + std::to_string(params.n_ctx) +
                                       " tokens (" + last_native_error() +
                                       "); lower max_tokens or max_pixels, or free memory");
  }
  return context;
}

void decode_batch(LlamaContextPtr &context, const llama_batch &batch) {
  clear_native_error();
  int status = 0;
  try {
    const AssertionGuard guard;
    status = llama_decode(context.get(), batch);
  } catch (...) {
    const std::exception_ptr error = current_error();
    context.reset();
    std::rethrow_exception(error);
  }
  constexpr int aborted = 2;
  if (status == aborted) {
    throw Error(ErrorKind::cancelled, "the request was cancelled");
  }
  if (status < -1) { // there was no memory for the graph, or it failed: as above
    context.reset();
  }
  if (status != 0) {
    throw Error(ErrorKind::engine,
                "decoding failed (status " + std::to_string(status) + "): " + last_native_error());
  }
}

} // namespace ppocrvl
