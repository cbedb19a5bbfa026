// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/handles.h"
#include "text/grammar_filter.h"
#include "text/sampling.h"
#include "text/vocabulary.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace ppocrvl {

struct Choice {
  std::int32_t token = 0;
  double logprob = 0.0; // by the model's own logits, whatever chose the token
};

/// Whether a token may come next.
using TokenFilter = std::function<bool(std::int32_t)>;

/// The most likely token. Throws ErrorKind::engine if there is none, as with NaN.
Choice choose_greedily(const float *logits, std::size_t n_vocab);

/// The same among the tokens that may come next.
Choice choose_among(const float *logits, std::size_t n_vocab, const TokenFilter &allowed);

/// Refuses (ErrorKind::option) what no sampler can be made of: numbers out of their range, biases
/// for tokens that are not there, a grammar with mistakes. Returns the grammar as it was read; null
/// where there is none.
std::shared_ptr<const Grammar> check_sampling(const Sampling &sampling, const llama_vocab *vocab);

/// Chooses the tokens of one answer. One thread at a time.
class Sampler {
public:
  /// `sampling` must have passed the check, which made `grammar` of it; `vocabulary`
  /// must live as long.
  Sampler(const Sampling &sampling, std::shared_ptr<const Grammar> grammar,
          const Vocabulary &vocabulary);

  /// Throws ErrorKind::engine when the logits are no numbers or nothing is allowed, and
  /// ErrorKind::option when the grammar is too ambiguous.
  Choice choose(const float *logits, const TokenFilter &allowed = {});

private:
  const float *with_biases(const float *logits);
  const llama_token_data &likeliest();
  const llama_token_data &drawn();

  std::size_t n_vocab_;
  bool is_greedy_;
  std::vector<std::pair<std::int32_t, float>> biases_; // of tokens
  std::vector<float> biased_;
  LlamaSamplerPtr penalties_; // null: none
  std::optional<GrammarFilter> grammar_;
  LlamaSamplerPtr draw_; // null: the likeliest
  std::vector<llama_token_data> candidates_;
};

} // namespace ppocrvl
