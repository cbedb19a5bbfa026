// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/handles.h"
#include "core/pixels.h"
#include "core/vocabulary.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ppocrvl {

struct LanguageModelOptions {
  std::string path;
  int n_threads = 1;
  int gpu_layers = -1; // negative: all if there is a GPU; 0: none
  bool use_mmap = true;
};

/// The decoder and its KV cache. One thread at a time; `vocabulary()` and the scalars are free.
class LanguageModel {
public:
  /// The file must have passed the model check. Throws ErrorKind::engine.
  explicit LanguageModel(const LanguageModelOptions &options);
  ~LanguageModel() = default;
  LanguageModel(const LanguageModel &) = delete; // the abort callback holds its address
  LanguageModel &operator=(const LanguageModel &) = delete;

  const Vocabulary &vocabulary() const { return vocabulary_; }
  const llama_model *handle() const { return model_.get(); }
  int n_embd() const;
  int n_ctx_train() const;

  /// Starts a sequence of at most `n_tokens` tokens: clears the cache and enlarges it if need be.
  /// `cancelled` is watched by all calls up to the next `begin`; each of them then throws
  /// ErrorKind::cancelled.
  void begin(std::size_t n_tokens, const std::atomic<bool> &cancelled);

  /// Feeds tokens from `first_position` on; with `want_logits`, those of the last are in
  /// `logits()`.
  void feed_tokens(const std::vector<std::int32_t> &tokens, std::int32_t first_position,
                   bool want_logits);

  /// Feeds a picture's embeddings, float32 [grid.tokens(), n_embd].
  void feed_image(std::vector<float> &embeddings, const ImageGrid &grid,
                  std::int32_t first_position);

  /// float32 [vocabulary().size()], valid until the next call.
  const float *logits() const;

private:
  void decode(const llama_batch &batch);

  LlamaModelPtr model_;
  Vocabulary vocabulary_;
  LanguageModelOptions options_;
  const std::atomic<bool> *cancelled_ = nullptr; // read by the abort callback of context_
  LlamaContextPtr context_;
};

} // namespace ppocrvl
