// SPDX-License-Identifier: Apache-2.0
#include "model/language_model.h"

#include "model/llama_runtime.h"
#include "model/mrope.h"
#include "support/assertion_guard.h"
#include "support/error.h"
#include "support/logging.h"

#include <algorithm>
#include <array>

namespace ppocrvl {

/// What a llama_batch points to, one entry a token or row of a picture. All are embeddings: one
/// batch cannot hold token ids beside them.
struct LanguageModel::Batch {
  std::vector<float> embeddings;
  std::array<std::vector<std::int32_t>, position_planes> positions;
  std::vector<std::int32_t> slots;
  std::vector<std::int8_t> outputs;

  [[nodiscard]] int size() const { return static_cast<int>(slots.size()); }
};

LanguageModel::LanguageModel(const LanguageModelOptions &options)
    : model_(load_llama_model(options.path, options.placement.device, options.use_mmap)),
      vocabulary_(llama_model_get_vocab(model_.get())), token_embeddings_(options.path),
      options_(options) {
  if (options.placement.kernels != nullptr) {
    const AssertionGuard guard;
    threads_.emplace(*options.placement.kernels, options.n_threads);
  }
}

int LanguageModel::n_embd() const { return llama_model_n_embd_inp(model_.get()); }

int LanguageModel::n_ctx_train() const { return llama_model_n_ctx_train(model_.get()); }

std::size_t LanguageModel::kv_capacity() const {
  return context_ ? llama_n_ctx(context_.get()) : 0;
}

void LanguageModel::grow_cache(std::size_t wish, std::size_t least, std::optional<int> kept) {
  if (wish <= kv_capacity()) {
    return;
  }
  const AssertionGuard guard;
  const std::vector<std::uint8_t> state = kept ? save(*kept) : std::vector<std::uint8_t>();
  context_.reset(); // before the new one is made: never two caches at a time
  for (std::size_t n_tokens = wish; !context_; n_tokens = std::max(least, n_tokens / 2)) {
    try {
      context_ = make_context(n_tokens);
    } catch (const Error &) {
      if (n_tokens <= least) {
        throw;
      }
    }
  }
  if (threads_) {
    llama_attach_threadpool(context_.get(), threads_->pool(), threads_->pool());
  }
  if (!state.empty()) {
    restore(kept.value(), state);
  }
}

LlamaContextPtr LanguageModel::make_context(std::size_t n_tokens) {
  const auto n_parallel = static_cast<std::size_t>(options_.n_parallel);
  llama_context_params params = usual_context_params(
      options_.placement, n_tokens, options_.separate_kv ? n_parallel : 1, options_.n_threads);
  params.n_seq_max = static_cast<std::uint32_t>(n_parallel);
  params.kv_unified = !options_.separate_kv;
  params.n_outputs_max =
      options_.separate_kv ? params.n_seq_max : std::max(params.n_seq_max, params.n_outputs_max);
  params.abort_callback = [](void *self) {
    const auto *abandoned = static_cast<const LanguageModel *>(self)->abandoned_;
    return abandoned != nullptr && (*abandoned)();
  };
  params.abort_callback_data = this;
  return make_llama_context(*model_, params);
}

std::vector<std::uint8_t> LanguageModel::save(int slot) const {
  std::vector<std::uint8_t> state(context_ ? llama_state_seq_get_size(context_.get(), slot) : 0);
  if (!state.empty()) {
    state.resize(llama_state_seq_get_data(context_.get(), state.data(), state.size(), slot));
  }
  return state;
}

void LanguageModel::restore(int slot, const std::vector<std::uint8_t> &state) {
  if (llama_state_seq_set_data(context_.get(), state.data(), state.size(), slot) == 0) {
    context_.reset();
    throw Error(ErrorKind::engine,
                "cannot move a conversation to a larger cache: " + last_native_error());
  }
}

void LanguageModel::feed(const std::vector<Feed> &feeds, const std::function<bool()> &abandoned) {
  Batch batch;
  output_rows_.assign(feeds.size(), -1);
  for (std::size_t i = 0; i < feeds.size(); ++i) {
    append(feeds[i], batch);
    output_rows_[i] = batch.size() - feeds[i].n_logits;
    std::fill_n(batch.outputs.rbegin(), feeds[i].n_logits, std::int8_t{1});
  }
  decode(batch, abandoned);
}

void LanguageModel::append(const Feed &feed, Batch &batch) {
  const auto width = static_cast<std::size_t>(n_embd());
  const auto count = static_cast<std::size_t>(feed.count);
  const std::size_t before = batch.embeddings.size();
  batch.embeddings.resize(before + count * width);
  float *embeddings = batch.embeddings.data() + before;
  if (feed.image != nullptr) {
    std::copy_n(feed.image->values.data() + static_cast<std::size_t>(feed.begin) * width,
                count * width, embeddings);
  } else {
    for (std::size_t i = 0; i < count; ++i) {
      token_embeddings_.read(feed.tokens[i], embeddings + i * width);
    }
  }
  const std::vector<std::int32_t> positions =
      feed.image != nullptr
          ? image_position_planes(feed.image->grid, feed.first_position, feed.begin, feed.count)
          : text_position_planes(feed.first_position, feed.count);
  for (std::size_t plane = 0; plane < batch.positions.size(); ++plane) {
    const auto begin = positions.begin() + static_cast<std::ptrdiff_t>(plane * count);
    batch.positions[plane].insert(batch.positions[plane].end(), begin,
                                  begin + static_cast<std::ptrdiff_t>(count));
  }
  batch.slots.insert(batch.slots.end(), count, feed.slot);
  batch.outputs.insert(batch.outputs.end(), count, 0);
}

const float *LanguageModel::logits(std::size_t feed, int token) const {
  return llama_get_logits_ith(context_.get(), output_rows_.at(feed) + token);
}

void LanguageModel::forget(int slot, std::int32_t first_position) {
  if (context_) {
    llama_memory_seq_rm(llama_get_memory(context_.get()), slot, first_position, -1);
  }
}

void LanguageModel::decode(Batch &batch, const std::function<bool()> &abandoned) {
  std::vector<std::int32_t> counts(batch.slots.size(), 1); // of sequences of each entry
  std::vector<std::int32_t *> lists;
  lists.reserve(batch.slots.size());
  for (std::int32_t &slot : batch.slots) {
    lists.push_back(&slot);
  }
  std::vector<std::int32_t> positions;
  positions.reserve(position_planes * batch.slots.size());
  for (const std::vector<std::int32_t> &plane : batch.positions) {
    positions.insert(positions.end(), plane.begin(), plane.end());
  }
  llama_batch view{};
  view.n_tokens = batch.size();
  view.embd = batch.embeddings.data();
  view.pos = positions.data();
  view.n_seq_id = counts.data();
  view.seq_id = lists.data();
  view.logits = batch.outputs.data();
  const DecoderThreads::Use use(threads_ ? &*threads_ : nullptr);
  abandoned_ = &abandoned;
  try {
    decode_batch(context_, view);
  } catch (...) {
    abandoned_ = nullptr;
    throw;
  }
  abandoned_ = nullptr;
}

} // namespace ppocrvl
