// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/handles.h"
#include "core/sampling.h"

#include <cstddef>
#include <cstdint>
#include <functional>
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
/// for tokens that are not there, a grammar that llama.cpp would not take.
void check_sampling(const Sampling &sampling, const llama_vocab *vocab);

/// Chooses the tokens of one answer. One thread at a time.
class Sampler {
public:
  /// `sampling` must have passed the check.
  Sampler(const Sampling &sampling, const llama_vocab *vocab);

  /// Throws ErrorKind::engine when the logits are no numbers or nothing is allowed, and
  /// ErrorKind::option when the grammar takes too long.
  Choice choose(const float *logits, const TokenFilter &allowed = {});

private:
  const float *with_biases(const float *logits);

  std::size_t n_vocab_;
  bool has_grammar_;
  std::vector<std::pair<std::int32_t, float>> biases_; // of tokens
  std::vector<float> biased_;
  LlamaSamplerPtr chain_; // null: greedy
  std::vector<llama_token_data> candidates_;
};

} // namespace ppocrvl
