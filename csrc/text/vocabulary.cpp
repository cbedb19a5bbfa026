// SPDX-License-Identifier: Apache-2.0
#include "text/vocabulary.h"

#include "llama.h"
#include "support/error.h"

#include <algorithm>
#include <limits>

namespace ppocrvl {
namespace {

constexpr std::string_view location_prefix = "<|LOC_";
constexpr const char *image_token_text = "<|IMAGE_PLACEHOLDER|>";

} // namespace

Vocabulary::Vocabulary(const llama_vocab *vocab) : vocab_(vocab) {
  for (const auto &piece : chat_prompt("1.6", {{Role::user, ""}, {Role::assistant, ""}}, true)) {
    if (piece.kind == PromptPiece::Kind::control || piece.kind == PromptPiece::Kind::image) {
      control_ids_[piece.text] = LLAMA_TOKEN_NULL;
    }
  }
  for (std::int32_t id = 0; id < llama_vocab_n_tokens(vocab); ++id) {
    const std::string text = llama_vocab_get_text(vocab, id);
    if (const auto found = control_ids_.find(text); found != control_ids_.end()) {
      found->second = id;
    } else if (text.rfind(location_prefix, 0) == 0) {
      location_ids_[text] = id;
      is_location_.insert(id);
      longest_location_ = std::max(longest_location_, text.size());
    }
    longest_token_ = std::max(longest_token_, text.size());
    constexpr int on_request = LLAMA_TOKEN_ATTR_CONTROL | LLAMA_TOKEN_ATTR_UNKNOWN;
    const int kind = llama_vocab_get_attr(vocab, id) & (on_request | LLAMA_TOKEN_ATTR_USER_DEFINED);
    const bool is_user_defined = (kind & LLAMA_TOKEN_ATTR_USER_DEFINED) != 0;
    if (kind != 0) {
      seams_.add(text, is_user_defined);
    }
    if (is_user_defined && text.size() > 1 && text.front() == '<' && text.back() == '>') {
      markup_.insert(text);
      longest_markup_ = std::max(longest_markup_, text.size());
    }
  }
  for (const auto &[text, id] : control_ids_) {
    if (id == LLAMA_TOKEN_NULL) {
      throw Error(ErrorKind::model_format, "the model's vocabulary has no token " + text +
                                               "; this is no PaddleOCR-VL language model");
    }
  }
}

std::size_t Vocabulary::size() const {
  return static_cast<std::size_t>(llama_vocab_n_tokens(vocab_));
}

bool Vocabulary::ends_generation(std::int32_t token) const {
  return llama_vocab_is_eog(vocab_, token);
}

std::string Vocabulary::token_bytes(std::int32_t token, bool keep_location_tokens) const {
  const bool is_location = is_location_.count(token) > 0;
  if (is_location && !keep_location_tokens) {
    return {};
  }
  // Files from upstream's converter mark location tokens as control: only `special` renders them.
  const auto render = [&](char *buffer, std::int32_t length) {
    return llama_token_to_piece(vocab_, token, buffer, length, 0, is_location);
  };
  std::string bytes(32, '\0');
  std::int32_t length = render(bytes.data(), static_cast<std::int32_t>(bytes.size()));
  if (length < 0) {
    bytes.resize(static_cast<std::size_t>(-length));
    length = render(bytes.data(), -length);
  }
  bytes.resize(static_cast<std::size_t>(length));
  return bytes;
}

PromptIds Vocabulary::prompt_ids(const std::vector<PromptPiece> &pieces, std::size_t most) const {
  std::vector<std::int32_t> ids;
  std::optional<std::size_t> image_at;
  for (const auto &piece : pieces) {
    switch (piece.kind) {
    case PromptPiece::Kind::control:
      ids.push_back(control_ids_.at(piece.text));
      break;
    case PromptPiece::Kind::image:
      image_at = ids.size();
      break;
    case PromptPiece::Kind::text:
      append_text_ids(piece.text, most, ids);
      break;
    case PromptPiece::Kind::answer:
      append_answer_ids(piece.text, most, ids);
      break;
    }
  }
  const auto seam = ids.begin() + static_cast<std::ptrdiff_t>(image_at.value_or(ids.size()));
  return {{ids.begin(), seam}, {seam, ids.end()}};
}

void Vocabulary::append_text_ids(std::string_view text, std::size_t most,
                                 std::vector<std::int32_t> &ids) const {
  std::size_t begin = 0;
  for (std::size_t at = text.find('<'); at != std::string_view::npos; at = text.find('<', at + 1)) {
    const std::string_view near = text.substr(at, longest_markup_);
    const std::size_t end = near.find('>');
    if (end != std::string_view::npos && markup_.count(std::string(near.substr(0, end + 1))) > 0) {
      append_ids(text.substr(begin, at + 1 - begin), /*parse_special=*/false, most, ids);
      begin = at + 1;
    }
  }
  append_ids(text.substr(begin), /*parse_special=*/false, most, ids);
}

/// Table tokens are found whatever llama.cpp is told, location tokens only in some files.
void Vocabulary::append_answer_ids(std::string_view text, std::size_t most,
                                   std::vector<std::int32_t> &ids) const {
  std::size_t begin = 0;
  for (std::size_t at = text.find(location_prefix); at != std::string_view::npos;
       at = text.find(location_prefix, at + 1)) {
    const std::string_view near = text.substr(at, longest_location_);
    const std::size_t end = near.find('>');
    const auto found = end == std::string_view::npos
                           ? location_ids_.end()
                           : location_ids_.find(std::string(near.substr(0, end + 1)));
    if (found != location_ids_.end()) {
      append_ids(text.substr(begin, at - begin), /*parse_special=*/false, most, ids);
      ids.push_back(found->second);
      begin = at + end + 1;
    }
  }
  append_ids(text.substr(begin), /*parse_special=*/false, most, ids);
}

std::vector<std::int32_t> Vocabulary::answer_ids(std::string_view text) const {
  std::vector<std::int32_t> ids;
  append_answer_ids(text, std::numeric_limits<std::size_t>::max(), ids);
  return ids;
}

std::vector<std::int32_t> Vocabulary::tokenize_with_special(std::string_view text) const {
  std::vector<std::int32_t> ids;
  append_ids(text, /*parse_special=*/true, std::numeric_limits<std::size_t>::max(), ids);
  return ids;
}

void Vocabulary::append_ids(std::string_view text, bool parse_special, std::size_t most,
                            std::vector<std::int32_t> &ids) const {
  append_by_parts(
      text, seams_, {most, longest_token_},
      [&](std::string_view part, std::vector<std::int32_t> &all) {
        append_part(part, parse_special, all);
      },
      ids);
}

void Vocabulary::append_part(std::string_view text, bool parse_special,
                             std::vector<std::int32_t> &all) const {
  // A token holds at least one byte, save for a possible leading space of its own.
  if (text.size() >= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    throw Error(ErrorKind::context, "the prompt is longer than 2 GiB; shorten it");
  }
  std::vector<std::int32_t> ids(text.size() + 1);
  const std::int32_t count =
      llama_tokenize(vocab_, text.data(), static_cast<std::int32_t>(text.size()), ids.data(),
                     static_cast<std::int32_t>(ids.size()), /*add_special=*/false, parse_special);
  if (count < 0) {
    throw Error(ErrorKind::engine, "the tokenizer failed on the prompt");
  }
  all.insert(all.end(), ids.begin(), ids.begin() + count);
}

const TokenTexts &Vocabulary::texts() const {
  std::call_once(texts_made_, [this] { texts_.emplace(vocab_); });
  return texts_.value();
}

std::int32_t Vocabulary::image_token() const { return control_ids_.at(image_token_text); }

} // namespace ppocrvl
