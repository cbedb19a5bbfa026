// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "text/grammar.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct llama_vocab;
struct llama_token_data;

namespace ppocrvl {

/// The bytes of all tokens of a model, special ones as they are written. A zero byte is left out:
/// like what has no bytes it may never come.
class TokenTexts {
public:
  explicit TokenTexts(const llama_vocab *vocab);

  [[nodiscard]] std::string_view bytes(std::int32_t token) const;
  [[nodiscard]] bool ends_answer(std::int32_t token) const;

  /// All tokens, those that begin alike beside each other.
  [[nodiscard]] const std::vector<std::int32_t> &sorted() const { return sorted_; }

private:
  const llama_vocab *vocab_;
  std::string all_;
  std::vector<std::size_t> begins_; // in `all_`, and where the last one ends
  std::vector<std::int32_t> sorted_;
};

/// Which tokens of an answer a grammar lets come.
class GrammarFilter {
public:
  /// `texts` must live as long.
  GrammarFilter(std::shared_ptr<const Grammar> grammar, const TokenTexts &texts);

  /// For the next token. This and what follows throw ErrorKind::option where the grammar is so
  /// ambiguous that it would take too long, which is counted in steps and not in seconds.
  void start_token() { walker_.start_token(); }

  [[nodiscard]] bool allows(std::int32_t token);

  /// Makes the logits of tokens that may not come -infinity.
  void filter(std::vector<llama_token_data> &candidates);

  /// The answer goes on with a token that is allowed.
  void accept(std::int32_t token);

private:
  void walk_all();

  const TokenTexts &texts_;
  GrammarWalker walker_;
  std::vector<bool> allowed_; // by their text, as `walk_all` found
};

} // namespace ppocrvl
