// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "text/grammar_filter.h"
#include "text/prompt.h"
#include "text/seams.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

struct llama_vocab;

namespace ppocrvl {

/// Token ids of a prompt round its image; without one, all are in `before_image`.
struct PromptIds {
  std::vector<std::int32_t> before_image;
  std::vector<std::int32_t> after_image;

  [[nodiscard]] std::size_t size() const { return before_image.size() + after_image.size(); }
};

/// Token ids and texts of one model. Borrows the vocabulary from the model; all functions are
/// thread-safe.
class Vocabulary {
public:
  /// Throws ErrorKind::model_format when a token that the chat prompt needs is missing.
  explicit Vocabulary(const llama_vocab *vocab);

  std::size_t size() const;

  bool ends_generation(std::int32_t token) const;

  /// Bytes of a generated token; control tokens have none, and location tokens only on request.
  /// A token's bytes need not be valid UTF-8 by themselves.
  std::string token_bytes(std::int32_t token, bool keep_location_tokens) const;

  /// Of plain text in it, control, location and table tokens stay text. Throws ErrorKind::context
  /// where there are more than `most`, however long the prompt is before it has been divided.
  PromptIds prompt_ids(const std::vector<PromptPiece> &pieces,
                       std::size_t most = std::numeric_limits<std::size_t>::max()) const;

  /// Ids of an answer: location and table tokens count, control tokens stay text.
  std::vector<std::int32_t> answer_ids(std::string_view text) const;

  /// Ids of text with all tokens that stand in it, as the reference's tokenizer has them.
  std::vector<std::int32_t> tokenize_with_special(std::string_view text) const;

  std::int32_t image_token() const;

  /// Of all tokens, for grammars; made when somebody asks for them first.
  const TokenTexts &texts() const;

private:
  void append_ids(std::string_view text, bool parse_special, std::size_t most,
                  std::vector<std::int32_t> &ids) const;
  void append_part(std::string_view text, bool parse_special, std::vector<std::int32_t> &all) const;
  void append_text_ids(std::string_view text, std::size_t most,
                       std::vector<std::int32_t> &ids) const;
  void append_answer_ids(std::string_view text, std::size_t most,
                         std::vector<std::int32_t> &ids) const;

  const llama_vocab *vocab_;
  mutable std::once_flag texts_made_;
  mutable std::optional<TokenTexts> texts_;
  std::unordered_map<std::string, std::int32_t> control_ids_;
  std::unordered_map<std::string, std::int32_t> location_ids_;
  std::size_t longest_location_ = 0; // bytes
  std::unordered_set<std::int32_t> is_location_;
  // Texts like <fcel> of tokens that llama.cpp finds in any text, whatever it is told. Digits are
  // such tokens too, and are to be found.
  std::unordered_set<std::string> markup_;
  std::size_t longest_markup_ = 0;
  Seams seams_;
  std::size_t longest_token_ = 0;
};

} // namespace ppocrvl
