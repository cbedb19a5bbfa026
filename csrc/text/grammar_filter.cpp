// SPDX-License-Identifier: Apache-2.0
#include "text/grammar_filter.h"

#include "llama.h"
#include "support/error.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace ppocrvl {
namespace {

// Some 0.1 s. The tokens of the official model have 208,754 beginnings, for each of which a usual
// grammar takes a few steps at most.
constexpr std::uint64_t most_work = 20'000'000;

} // namespace

TokenTexts::TokenTexts(const llama_vocab *vocab) : vocab_(vocab) {
  const std::int32_t count = llama_vocab_n_tokens(vocab);
  std::vector<char> buffer(256);
  begins_.push_back(0);
  for (std::int32_t token = 0; token < count; ++token) {
    const auto render = [&] {
      return llama_token_to_piece(vocab, token, buffer.data(),
                                  static_cast<std::int32_t>(buffer.size()), 0, /*special=*/true);
    };
    std::int32_t length = render();
    if (length < 0) {
      buffer.resize(static_cast<std::size_t>(-length));
      length = render();
    }
    if (buffer.front() != '\0') {
      all_.append(buffer.data(), static_cast<std::size_t>(length));
    }
    begins_.push_back(all_.size());
  }
  sorted_.resize(static_cast<std::size_t>(count));
  std::iota(sorted_.begin(), sorted_.end(), 0);
  std::sort(sorted_.begin(), sorted_.end(),
            [this](std::int32_t a, std::int32_t b) { return bytes(a) < bytes(b); });
}

std::string_view TokenTexts::bytes(std::int32_t token) const {
  const auto at = static_cast<std::size_t>(token);
  return std::string_view(all_).substr(begins_[at], begins_[at + 1] - begins_[at]);
}

bool TokenTexts::ends_answer(std::int32_t token) const { return llama_vocab_is_eog(vocab_, token); }

GrammarFilter::GrammarFilter(std::shared_ptr<const Grammar> grammar, const TokenTexts &texts)
    : texts_(texts), walker_(std::move(grammar), most_work) {}

bool GrammarFilter::allows(std::int32_t token) {
  if (texts_.ends_answer(token)) {
    return walker_.may_end();
  }
  std::size_t pushed = 0;
  const std::string_view bytes = texts_.bytes(token);
  while (pushed < bytes.size() && walker_.push(static_cast<unsigned char>(bytes[pushed]))) {
    ++pushed;
  }
  const bool is_whole = !bytes.empty() && pushed == bytes.size();
  for (; pushed > 0; --pushed) {
    walker_.pop();
  }
  return is_whole || (!bytes.empty() && walker_.names(static_cast<std::uint32_t>(token)));
}

/// Walks through all texts in their order, so that what several begin with is walked once.
void GrammarFilter::walk_all() {
  allowed_.assign(texts_.sorted().size(), false);
  std::string_view walked;
  std::string_view dead; // nothing that begins so may come
  for (const std::int32_t token : texts_.sorted()) {
    const std::string_view bytes = texts_.bytes(token);
    if (bytes.empty() || (!dead.empty() && bytes.substr(0, dead.size()) == dead)) {
      continue;
    }
    const auto [differs, ignored] =
        std::mismatch(walked.begin(), walked.end(), bytes.begin(), bytes.end());
    const auto common = static_cast<std::size_t>(differs - walked.begin());
    for (std::size_t i = common; i < walked.size(); ++i) {
      walker_.pop();
    }
    std::size_t end = common;
    while (end < bytes.size() && walker_.push(static_cast<unsigned char>(bytes[end]))) {
      ++end;
    }
    walked = bytes.substr(0, end);
    const bool is_whole = end == bytes.size();
    dead = is_whole ? std::string_view() : bytes.substr(0, end + 1);
    allowed_[static_cast<std::size_t>(token)] = is_whole;
  }
  for (std::size_t i = 0; i < walked.size(); ++i) {
    walker_.pop();
  }
}

void GrammarFilter::filter(std::vector<llama_token_data> &candidates) {
  walk_all();
  for (llama_token_data &candidate : candidates) {
    const std::int32_t token = candidate.id;
    const bool is_allowed = texts_.ends_answer(token)
                                ? walker_.may_end()
                                : allowed_[static_cast<std::size_t>(token)] ||
                                      (!texts_.bytes(token).empty() &&
                                       walker_.names(static_cast<std::uint32_t>(token)));
    if (!is_allowed) {
      candidate.logit = -INFINITY;
    }
  }
}

void GrammarFilter::accept(std::int32_t token) {
  if (!texts_.ends_answer(token) &&
      !walker_.accept(static_cast<std::uint32_t>(token), texts_.bytes(token))) {
    throw Error(ErrorKind::engine, "the grammar was given a token that it does not allow");
  }
}

} // namespace ppocrvl
