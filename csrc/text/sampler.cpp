// SPDX-License-Identifier: Apache-2.0
#include "text/sampler.h"

#include "kernels/kernels.h"
#include "support/error.h"
#include "text/grammar_check.h"
#include "text/grammar_parser.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ppocrvl {
namespace {

constexpr int penalty_window = 256; // tokens of the answer that the penalty looks at

Error not_a_number() {
  return {ErrorKind::engine,
          "the model's output is not a number; the model file is damaged or its type overflows"};
}

Error nothing_left() {
  return {ErrorKind::engine, "grammar and logit_bias leave no token that could come next"};
}

/// log softmax of the candidate = logit - highest - log(sum(exp(logit - highest))); every term is
/// at most 1, so nothing overflows.
double log_normalizer(const float *logits, std::size_t n_vocab, float highest) {
  const double sum = kernels::logit_kernels().sum_of_exponentials(
      logits, static_cast<std::int64_t>(n_vocab), highest);
  if (!std::isfinite(sum)) {
    throw not_a_number();
  }
  return std::log(sum);
}

std::size_t index_of_highest(const float *logits, std::size_t n_vocab) {
  return static_cast<std::size_t>(
      kernels::logit_kernels().index_of_highest(logits, static_cast<std::int64_t>(n_vocab)));
}

std::size_t index_of_highest(const float *logits, std::size_t n_vocab, const TokenFilter &allowed) {
  if (!allowed) {
    return index_of_highest(logits, n_vocab);
  }
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < n_vocab; ++i) {
    if ((!best || logits[i] > logits[*best]) && allowed(static_cast<std::int32_t>(i))) {
      best = i;
    }
  }
  if (!best) {
    throw Error(ErrorKind::engine, "no token is allowed to come next");
  }
  return *best;
}

/// A token with its probability by the model's own logits, of which one is the highest. Throws
/// where there are NaN.
Choice choice_of(std::size_t token, std::size_t likeliest, const float *logits,
                 std::size_t n_vocab) {
  const float highest = logits[likeliest];
  const double normalizer = log_normalizer(logits, n_vocab, highest);
  const double logit = static_cast<double>(logits[token]) - static_cast<double>(highest);
  return {static_cast<std::int32_t>(token), logit - normalizer};
}

void require_numbers(const float *logits, std::size_t n_vocab) {
  if (std::any_of(logits, logits + n_vocab, [](float logit) { return std::isnan(logit); })) {
    throw not_a_number();
  }
}

void require(bool good, const std::string &problem) {
  if (!good) {
    throw Error(ErrorKind::option, problem);
  }
}

GrammarTokens tokens_of(const llama_vocab *vocab) {
  return {
      static_cast<std::uint32_t>(llama_vocab_n_tokens(vocab)),
      [vocab](std::string_view text) {
        std::vector<llama_token> ids(text.size() + 1);
        return llama_tokenize(vocab, text.data(), static_cast<std::int32_t>(text.size()),
                              ids.data(), static_cast<std::int32_t>(ids.size()),
                              /*add_special=*/false, /*parse_special=*/true) == 1
                   ? std::optional(static_cast<std::uint32_t>(ids.front()))
                   : std::nullopt;
      },
  };
}

} // namespace

Choice choose_greedily(const float *logits, std::size_t n_vocab) {
  const std::size_t likeliest = index_of_highest(logits, n_vocab);
  return choice_of(likeliest, likeliest, logits, n_vocab);
}

Choice choose_among(const float *logits, std::size_t n_vocab, const TokenFilter &allowed) {
  return choice_of(index_of_highest(logits, n_vocab, allowed), index_of_highest(logits, n_vocab),
                   logits, n_vocab);
}

std::shared_ptr<const Grammar> check_sampling(const Sampling &sampling, const llama_vocab *vocab) {
  const auto number = [](float value) { return std::to_string(value); };
  require(std::isfinite(sampling.temperature) && sampling.temperature >= 0.0F,
          "temperature must be a number from 0, not " + number(sampling.temperature));
  require(sampling.top_k >= 0, "top_k must be at least 0, not " + std::to_string(sampling.top_k));
  require(sampling.top_p > 0.0F && sampling.top_p <= 1.0F,
          "top_p must be above 0 and at most 1, not " + number(sampling.top_p));
  require(sampling.min_p >= 0.0F && sampling.min_p <= 1.0F,
          "min_p must be from 0 to 1, not " + number(sampling.min_p));
  require(std::isfinite(sampling.repetition_penalty) && sampling.repetition_penalty > 0.0F,
          "repetition_penalty must be above 0, not " + number(sampling.repetition_penalty));
  const int n_vocab = llama_vocab_n_tokens(vocab);
  for (const auto &[token, bias] : sampling.logit_bias) {
    require(token >= 0 && token < n_vocab, "logit_bias names token " + std::to_string(token) +
                                               "; the model's are 0 to " +
                                               std::to_string(n_vocab - 1));
    require(!std::isnan(bias), "logit_bias of token " + std::to_string(token) + " is no number");
  }
  if (sampling.grammar.empty()) {
    return nullptr;
  }
  return std::make_shared<const Grammar>(check_grammar(sampling.grammar, tokens_of(vocab)));
}

Sampler::Sampler(const Sampling &sampling, std::shared_ptr<const Grammar> grammar,
                 const Vocabulary &vocabulary)
    : n_vocab_(vocabulary.size()), is_greedy_(sampling.is_greedy()), biases_(sampling.logit_bias) {
  if (sampling.repetition_penalty != 1.0F) {
    penalties_.reset(llama_sampler_init_penalties(static_cast<std::int32_t>(n_vocab_),
                                                  penalty_window, sampling.repetition_penalty, 0.0F,
                                                  0.0F));
  }
  if (grammar != nullptr) {
    grammar_.emplace(std::move(grammar), vocabulary.texts());
  }
  if (sampling.temperature == 0.0F) {
    return;
  }
  draw_.reset(llama_sampler_chain_init(llama_sampler_chain_default_params()));
  const auto add = [&](llama_sampler *sampler) { llama_sampler_chain_add(draw_.get(), sampler); };
  if (sampling.top_k > 0) {
    add(llama_sampler_init_top_k(sampling.top_k));
  }
  add(llama_sampler_init_top_p(sampling.top_p, 1));
  add(llama_sampler_init_min_p(sampling.min_p, 1));
  add(llama_sampler_init_temp(sampling.temperature));
  add(llama_sampler_init_dist(sampling.seed));
}

/// Of the candidates that may come. Mostly the model's choice is one of them, and the others need
/// not be looked at.
const llama_token_data &Sampler::likeliest() {
  const auto highest = [this]() -> const llama_token_data & {
    return *std::max_element(
        candidates_.begin(), candidates_.end(),
        [](const llama_token_data &a, const llama_token_data &b) { return a.logit < b.logit; });
  };
  const llama_token_data &first = highest();
  if (!grammar_ || grammar_->allows(first.id)) {
    return first;
  }
  grammar_->filter(candidates_);
  return highest();
}

const llama_token_data &Sampler::drawn() {
  if (grammar_) {
    grammar_->filter(candidates_);
  }
  llama_token_data_array array{candidates_.data(), candidates_.size(), -1, false};
  llama_sampler_apply(draw_.get(), &array);
  if (array.selected < 0 || static_cast<std::size_t>(array.selected) >= array.size) {
    throw nothing_left();
  }
  return array.data[array.selected];
}

const float *Sampler::with_biases(const float *logits) {
  if (biases_.empty()) {
    return logits;
  }
  biased_.assign(logits, logits + n_vocab_);
  for (const auto &[token, bias] : biases_) {
    biased_[static_cast<std::size_t>(token)] += bias;
  }
  return biased_.data();
}

Choice Sampler::choose(const float *logits, const TokenFilter &allowed) {
  const float *biased = with_biases(logits);
  if (is_greedy_) {
    const std::size_t chosen = index_of_highest(biased, n_vocab_, allowed);
    const bool is_likeliest = biased == logits && !allowed;
    const Choice choice = choice_of(
        chosen, is_likeliest ? chosen : index_of_highest(logits, n_vocab_), logits, n_vocab_);
    if (!std::isfinite(biased[choice.token])) {
      throw nothing_left();
    }
    return choice;
  }
  require_numbers(logits, n_vocab_); // what comes next may do anything with NaN
  candidates_.clear();
  for (std::size_t i = 0; i < n_vocab_; ++i) {
    const auto token = static_cast<std::int32_t>(i);
    if (!allowed || allowed(token)) {
      candidates_.push_back({token, biased[i], 0.0F});
    }
  }
  if (candidates_.empty()) {
    throw Error(ErrorKind::engine, "no token is allowed to come next");
  }
  if (penalties_ != nullptr) {
    llama_token_data_array array{candidates_.data(), candidates_.size(), -1, false};
    llama_sampler_apply(penalties_.get(), &array);
  }
  if (grammar_) {
    grammar_->start_token();
  }
  const llama_token_data &chosen = draw_ == nullptr ? likeliest() : drawn();
  if (!std::isfinite(chosen.logit)) {
    throw nothing_left();
  }
  const std::int32_t token = chosen.id;
  if (penalties_ != nullptr) {
    llama_sampler_accept(penalties_.get(), token);
  }
  if (grammar_) {
    grammar_->accept(token);
  }
  return choice_of(static_cast<std::size_t>(token), index_of_highest(logits, n_vocab_), logits,
                   n_vocab_);
}

} // namespace ppocrvl
