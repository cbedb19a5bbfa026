// SPDX-License-Identifier: Apache-2.0
#include "core/language_model.h"

#include "core/error.h"
#include "core/logging.h"
#include "core/mrope.h"

#include <algorithm>
#include <array>

namespace ppocrvl {
namespace {

// Tokens fed at once. Compute buffers grow with it; prefill speed hardly does above this.
constexpr int batch_tokens = 256;
constexpr std::size_t context_step = 256; // libllama rounds the context up to this

LlamaModelPtr load_model(const LanguageModelOptions &options) {
  clear_native_error();
  llama_model_params params = llama_model_default_params();
  params.n_gpu_layers = options.gpu_layers;
  params.load_mode = options.use_mmap ? LLAMA_LOAD_MODE_AUTO : LLAMA_LOAD_MODE_NONE;
  // An empty device list; otherwise a GPU would still take single operations.
  std::array<ggml_backend_dev_t, 1> no_devices{};
  if (options.gpu_layers == 0) {
    params.devices = no_devices.data();
  }
  LlamaModelPtr model(llama_model_load_from_file(options.path.c_str(), params));
  if (!model) {
    throw Error(ErrorKind::engine,
                "cannot load the language model " + options.path + ": " + last_native_error());
  }
  return model;
}

} // namespace

LanguageModel::LanguageModel(const LanguageModelOptions &options)
    : model_(load_model(options)), vocabulary_(llama_model_get_vocab(model_.get())),
      options_(options) {}

int LanguageModel::n_embd() const { return llama_model_n_embd_inp(model_.get()); }

int LanguageModel::n_ctx_train() const { return llama_model_n_ctx_train(model_.get()); }

void LanguageModel::begin(std::size_t n_tokens, const std::atomic<bool> &cancelled) {
  cancelled_ = &cancelled;
  if (context_ && n_tokens <= llama_n_ctx(context_.get())) {
    llama_memory_clear(llama_get_memory(context_.get()), /*data=*/false);
    return;
  }
  context_.reset(); // before the new one is made: never two caches at a time
  clear_native_error();
  const bool is_f32 = llama_model_ftype(model_.get()) == LLAMA_FTYPE_ALL_F32;
  llama_context_params params = llama_context_default_params();
  params.n_ctx =
      static_cast<std::uint32_t>((n_tokens + context_step - 1) / context_step * context_step);
  params.n_batch = batch_tokens;
  params.n_ubatch = batch_tokens;
  params.n_seq_max = 1;
  params.n_outputs_max =
      1; // a row of logits is n_vocab floats; without this, n_batch rows are kept
  params.n_threads = options_.n_threads;
  params.n_threads_batch = options_.n_threads;
  // An f32 file asks for f32 arithmetic: flash attention would round the cache to F16.
  params.type_k = is_f32 ? GGML_TYPE_F32 : GGML_TYPE_F16;
  params.type_v = params.type_k;
  params.flash_attn_type = is_f32 ? LLAMA_FLASH_ATTN_TYPE_DISABLED : LLAMA_FLASH_ATTN_TYPE_AUTO;
  params.offload_kqv = options_.gpu_layers != 0;
  params.op_offload = options_.gpu_layers != 0;
  params.abort_callback = [](void *self) {
    return static_cast<const LanguageModel *>(self)->cancelled_->load(std::memory_order_relaxed);
  };
  params.abort_callback_data = this;
  context_.reset(llama_init_from_model(model_.get(), params));
  if (!context_) {
    throw Error(ErrorKind::engine, "cannot make a context of " + std::to_string(params.n_ctx) +
                                       " tokens: " + last_native_error());
  }
}

void LanguageModel::feed_tokens(const std::vector<std::int32_t> &tokens,
                                std::int32_t first_position, bool want_logits) {
  const int total = static_cast<int>(tokens.size());
  std::vector<std::int32_t> chunk;
  std::vector<std::int8_t> outputs;
  for (int begin = 0; begin < total; begin += batch_tokens) {
    const int count = std::min(batch_tokens, total - begin);
    chunk.assign(tokens.begin() + begin, tokens.begin() + begin + count);
    auto positions = text_positions(first_position + begin, count);
    outputs.assign(static_cast<std::size_t>(count), 0);
    outputs.back() = want_logits && begin + count == total ? 1 : 0;
    llama_batch batch{};
    batch.n_tokens = count;
    batch.token = chunk.data();
    batch.pos = positions.data();
    batch.logits = outputs.data();
    decode(batch);
  }
}

void LanguageModel::feed_image(std::vector<float> &embeddings, const ImageGrid &grid,
                               std::int32_t first_position) {
  const auto width = static_cast<std::size_t>(n_embd());
  std::vector<std::int8_t> outputs(batch_tokens, 0);
  for (int begin = 0; begin < grid.tokens(); begin += batch_tokens) {
    const int count = std::min(batch_tokens, grid.tokens() - begin);
    auto planes = image_position_planes(grid, first_position, begin, count);
    llama_batch batch{};
    batch.n_tokens = count;
    batch.embd = embeddings.data() + static_cast<std::size_t>(begin) * width;
    batch.pos = planes.data();
    batch.logits = outputs.data();
    decode(batch);
  }
}

const float *LanguageModel::logits() const { return llama_get_logits_ith(context_.get(), -1); }

void LanguageModel::decode(const llama_batch &batch) {
  if (cancelled_->load(std::memory_order_relaxed)) {
    throw Error(ErrorKind::cancelled, "the request was cancelled");
  }
  clear_native_error();
  const int status = llama_decode(context_.get(), batch);
  constexpr int aborted = 2;
  if (status == aborted) {
    throw Error(ErrorKind::cancelled, "the request was cancelled");
  }
  if (status != 0) {
    throw Error(ErrorKind::engine,
                "decoding failed (status " + std::to_string(status) + "): " + last_native_error());
  }
}

} // namespace ppocrvl
