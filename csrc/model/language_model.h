// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ggml/decoder_threads.h"
#include "model/text_placement.h"
#include "model/token_embeddings.h"
#include "support/handles.h"
#include "text/vocabulary.h"
#include "vision/embeddings.h"
#include "vision/pixels.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ppocrvl {

struct LanguageModelOptions {
  std::string path;
  int n_threads = 1;
  TextPlacement placement;
  bool use_mmap = true;
  int n_parallel = 1;       // sequences at a time
  bool separate_kv = false; // equal shares of the cache, so that no sequence sees another's layout
};

/// What one sequence goes on with: tokens, or rows `begin` to `begin + count` of its picture.
struct Feed {
  int slot = 0; // of the sequence
  std::vector<std::int32_t> tokens;
  const Embeddings *image = nullptr; // null for tokens
  int begin = 0;
  int count = 0;                   // of either
  std::int32_t first_position = 0; // of the tokens, or of the whole picture
  int n_logits = 0;                // of so many of the last tokens they are wanted
};

/// The decoder and its KV cache, with slots for several sequences. One thread at a time;
/// `vocabulary()` and the scalars are free.
class LanguageModel {
public:
  /// The file must have passed the model check. Throws ErrorKind::engine.
  explicit LanguageModel(const LanguageModelOptions &options);
  ~LanguageModel() = default;
  LanguageModel(const LanguageModel &) = delete; // the abort callback holds its address
  LanguageModel &operator=(const LanguageModel &) = delete;

  const Vocabulary &vocabulary() const { return vocabulary_; }
  const llama_model *handle() const { return model_.get(); }
  const llama_vocab *vocab() const { return llama_model_get_vocab(model_.get()); }
  int n_embd() const;
  int n_ctx_train() const;

  /// Most tokens of one call.
  int batch_tokens() const { return options_.placement.batch_tokens; }

  /// Tokens that the cache can hold; all sequences together, unless the shares are separate.
  std::size_t kv_capacity() const;

  /// Makes the cache hold `wish` tokens in all, fewer where memory does not suffice, `least` at
  /// least. A cache that has to grow is made anew, without its sequences but for that in the slot
  /// `kept`. After an error there may be none at all; the next call makes one.
  void grow_cache(std::size_t wish, std::size_t least, std::optional<int> kept);

  /// Goes on with several sequences, at most `batch_tokens()` in all: tokens and pictures in one
  /// pass over the weights. A true `abandoned` ends the call with ErrorKind::cancelled. After that
  /// and after ErrorKind::engine, nothing of the call is in the cache, nor of a picture that it was
  /// in the middle of. Where `kv_capacity()` is 0 after ErrorKind::engine, all sequences are lost.
  void feed(const std::vector<Feed> &feeds, const std::function<bool()> &abandoned);

  /// float32 [vocabulary().size()]: those that `feed` was asked for, by the place of the feed and
  /// the token's among those that they are wanted of. Valid until the next call.
  const float *logits(std::size_t feed, int token) const;

  /// Takes out of a sequence what is at this position or behind it.
  void forget(int slot, std::int32_t first_position);

private:
  struct Batch;

  LlamaContextPtr make_context(std::size_t n_tokens);
  std::vector<std::uint8_t> save(int slot) const;
  void restore(int slot, const std::vector<std::uint8_t> &state);
  void append(const Feed &feed, Batch &batch);
  void decode(Batch &batch, const std::function<bool()> &abandoned);

  LlamaModelPtr model_;
  Vocabulary vocabulary_;
  TokenEmbeddings token_embeddings_;
  LanguageModelOptions options_;
  const std::function<bool()> *abandoned_ = nullptr; // read by the abort callback of context_
  std::optional<DecoderThreads> threads_;
  LlamaContextPtr context_;
  std::vector<int> output_rows_; // of each feed's first token with logits, in the batch
};

} // namespace ppocrvl
