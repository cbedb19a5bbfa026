// SPDX-License-Identifier: Apache-2.0
#include "core/sequence.h"

#include "core/mrope.h"
#include "core/sampler.h"
#include "core/stopwatch.h"

#include <utility>

namespace ppocrvl {

Sequence::Sequence(const PreparedRequest &prepared, Encoder &encoder, LanguageModel &language_model,
                   Ticket &ticket)
    : prepared_(prepared), encoder_(encoder), language_model_(language_model), ticket_(ticket) {
  result_.image_grid = prepared.grid;
  if (prepared.request.trace) {
    result_.trace.emplace();
  }
  result_.timings.image_tokens = prepared.grid.tokens();
  result_.timings.prompt_tokens = static_cast<int>(prepared.prompt.size()) + prepared.grid.tokens();
}

void Sequence::prefill() {
  const bool has_image = prepared_.request.image.has_value();
  std::vector<float> embeddings;
  if (has_image) {
    const Stopwatch stopwatch;
    embeddings = encoder_.encode(*prepared_.request.image, prepared_.grid, ticket_.cancelled(),
                                 result_.trace ? &*result_.trace : nullptr);
    result_.timings.encode = stopwatch.seconds();
  }
  const Stopwatch stopwatch;
  language_model_.begin(static_cast<std::size_t>(result_.timings.prompt_tokens) +
                            static_cast<std::size_t>(prepared_.max_tokens),
                        ticket_.cancelled());
  const auto &[before_image, after_image] = prepared_.prompt;
  language_model_.feed_tokens(before_image, 0, !has_image);
  next_position_ = static_cast<std::int32_t>(before_image.size());
  if (has_image) {
    language_model_.feed_image(embeddings, prepared_.grid, next_position_);
    next_position_ = position_after_image(prepared_.grid, next_position_);
    language_model_.feed_tokens(after_image, next_position_, true);
    next_position_ += static_cast<std::int32_t>(after_image.size());
  }
  result_.timings.prefill = stopwatch.seconds();
  if (result_.trace) {
    const float *logits = language_model_.logits();
    const std::size_t count = language_model_.vocabulary().size();
    result_.trace->logits = {{count}, std::vector<float>(logits, logits + count)};
  }
}

bool Sequence::step() {
  const Stopwatch stopwatch;
  const Vocabulary &vocabulary = language_model_.vocabulary();
  const Choice choice = choose_greedily(language_model_.logits(), vocabulary.size());
  bool goes_on = false;
  if (vocabulary.ends_generation(choice.token)) {
    result_.finish_reason = FinishReason::stop;
  } else {
    result_.token_ids.push_back(choice.token);
    result_.logprobs.push_back(choice.logprob);
    emit(assembler_.push(
        vocabulary.token_bytes(choice.token, prepared_.request.keep_location_tokens)));
    if (++result_.timings.generated_tokens == prepared_.max_tokens) {
      result_.finish_reason = FinishReason::length;
    } else {
      language_model_.feed_tokens({choice.token}, next_position_++, true);
      goes_on = true;
    }
  }
  result_.timings.decode += stopwatch.seconds();
  return goes_on;
}

Result Sequence::finish() {
  emit(assembler_.finish());
  return std::exchange(result_, {});
}

void Sequence::emit(std::string piece) {
  if (piece.empty()) {
    return;
  }
  result_.text += piece;
  ticket_.push_piece(std::move(piece));
}

} // namespace ppocrvl
