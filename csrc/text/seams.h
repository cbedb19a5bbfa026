// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ppocrvl {

/// Where a text may be cut so that the tokens of its parts are those of the whole: behind a token
/// that llama.cpp looks for before it divides what is left between them.
///
/// It needs as many steps for each of these as there were before it, so texts full of digits, which
/// are such tokens, would take quadratic time.
class Seams {
public:
  /// Adds a token that is looked for first, in every text or only on request. There are seams only
  /// if each is one byte or looks like <fcel>: then no two can overlap.
  void add(const std::string &token, bool in_every_text);

  /// The first seam at which at least `least` bytes end; the text's end where there is none.
  std::size_t first(std::string_view text, std::size_t least) const;

private:
  bool ends_markup(std::string_view text) const;
  bool is_in_markup(std::string_view text, std::size_t at) const;

  std::array<bool, 256> is_token_{};             // bytes that are tokens in every text
  std::unordered_map<std::string, bool> markup_; // whether it is looked for in every text
  std::size_t longest_ = 0;                      // of them
  bool may_overlap_ = false;
};

/// How many ids are too many, and the longest text of a token.
struct IdLimits {
  std::size_t most;
  std::size_t longest_token;
};

/// Appends the ids of a text.
using Tokenizer = std::function<void(std::string_view text, std::vector<std::int32_t> &ids)>;

/// Appends the ids of a text, part by part. Throws ErrorKind::context before there is work for many
/// more than `most` ids in all.
void append_by_parts(std::string_view text, const Seams &seams, const IdLimits &limits,
                     const Tokenizer &tokenize, std::vector<std::int32_t> &ids);

} // namespace ppocrvl
