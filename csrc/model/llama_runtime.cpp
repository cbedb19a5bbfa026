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

LlamaModelPtr load_llama_model(const std::string &path, int gpu_layers, bool use_mmap) {
  const AssertionGuard guard;
  clear_native_error();
  llama_model_params params = llama_model_default_params();
  params.n_gpu_layers = gpu_layers;
  params.load_mode = use_mmap ? LLAMA_LOAD_MODE_AUTO : LLAMA_LOAD_MODE_NONE;
  // An empty device list; otherwise a GPU would still take single operations.
  std::array<ggml_backend_dev_t, 1> no_devices{};
  if (gpu_layers == 0) {
    params.devices = no_devices.data();
  }
  LlamaModelPtr model(llama_model_load_from_file(path.c_str(), params));
  if (!model) {
    throw Error(ErrorKind::engine,
                "cannot load the language model " + path + ": " + last_native_error());
  }
  return model;
}

llama_context_params usual_context_params(const llama_model &model, std::size_t n_tokens,
                                          std::size_t n_shares, int n_threads) {
  // libllama rounds the context up to this, and each share of it.
  constexpr std::size_t context_step = 256;
  const std::size_t step = context_step * n_shares;
  const bool is_f32 = llama_model_ftype(&model) == LLAMA_FTYPE_ALL_F32;
  llama_context_params params = llama_context_default_params();
  params.n_ctx = static_cast<std::uint32_t>((n_tokens + step - 1) / step * step);
  params.n_threads = n_threads;
  params.n_threads_batch = n_threads;
  // An f32 file asks for f32 arithmetic: flash attention would round the cache to F16.
  params.type_k = is_f32 ? GGML_TYPE_F32 : GGML_TYPE_F16;
  params.type_v = params.type_k;
  params.flash_attn_type = is_f32 ? LLAMA_FLASH_ATTN_TYPE_DISABLED : LLAMA_FLASH_ATTN_TYPE_AUTO;
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
