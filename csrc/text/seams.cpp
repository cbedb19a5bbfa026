// SPDX-License-Identifier: Apache-2.0
#include "text/seams.h"

#include "support/error.h"

#include <algorithm>

namespace ppocrvl {
namespace {

// Long enough that what llama.cpp does for every text (it looks for a thousand tokens) is little.
constexpr std::size_t least_part = 256;

std::size_t byte(char character) { return static_cast<unsigned char>(character); }

bool is_markup(std::string_view token) {
  return token.front() == '<' && token.find_first_of("<>", 1) == token.size() - 1 &&
         token.back() == '>';
}

} // namespace

void Seams::add(const std::string &token, bool in_every_text) {
  if (token.size() == 1 && token != "<" && token != ">") {
    is_token_.at(byte(token.front())) = in_every_text;
  } else if (token.size() > 2 && is_markup(token)) {
    markup_[token] = in_every_text;
    longest_ = std::max(longest_, token.size());
  } else if (!token.empty()) {
    may_overlap_ = true;
  }
}

std::size_t Seams::first(std::string_view text, std::size_t least) const {
  if (may_overlap_) {
    return text.size();
  }
  for (std::size_t end = std::max<std::size_t>(least, 1); end < text.size(); ++end) {
    const char last = text[end - 1];
    if (last == '>' ? ends_markup(text.substr(0, end))
                    : is_token_.at(byte(last)) && !is_in_markup(text, end - 1)) {
      return end;
    }
  }
  return text.size();
}

bool Seams::ends_markup(std::string_view text) const {
  const std::string_view near = text.substr(text.size() - std::min(text.size(), longest_));
  const std::size_t begin = near.rfind('<');
  if (begin == std::string_view::npos) {
    return false;
  }
  const auto found = markup_.find(std::string(near.substr(begin)));
  return found != markup_.end() && found->second;
}

bool Seams::is_in_markup(std::string_view text, std::size_t at) const {
  const std::size_t from = at - std::min(at, longest_);
  const std::size_t begin = text.substr(from, at - from).rfind('<');
  if (begin == std::string_view::npos) {
    return false;
  }
  const std::string_view near = text.substr(from + begin, longest_);
  const std::size_t end = near.find('>');
  return end != std::string_view::npos && from + begin + end > at &&
         markup_.count(std::string(near.substr(0, end + 1))) > 0;
}

void append_by_parts(std::string_view text, const Seams &seams, const IdLimits &limits,
                     const Tokenizer &tokenize, std::vector<std::int32_t> &ids) {
  const auto require_room = [&](std::size_t n_ids) {
    if (n_ids > limits.most) {
      throw Error(ErrorKind::context, "the prompt has more than " + std::to_string(limits.most) +
                                          " tokens, and the model's context holds " +
                                          std::to_string(limits.most) + "; shorten the prompt");
    }
  };
  require_room(ids.size() + text.size() / std::max<std::size_t>(limits.longest_token, 1));
  while (!text.empty()) {
    const std::size_t length = seams.first(text, least_part);
    tokenize(text.substr(0, length), ids);
    text.remove_prefix(length);
    require_room(ids.size());
  }
}

} // namespace ppocrvl
