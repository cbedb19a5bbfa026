// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace ppocrvl {

/// What a grammar may say of the model's tokens.
struct GrammarTokens {
  std::uint32_t count = 0; // ids go up to it
  /// The token that the text `<…>` is, if it is one.
  std::function<std::optional<std::uint32_t>(std::string_view)> id_of;
};

struct ParsedGrammar;

/// Reads GBNF. Refuses (ErrorKind::option, with line and column) whatever llama.cpp's parser would
/// print an error for, and what would never come to an end: rules that begin with themselves,
/// endless repetition of nothing, repetition counts and ambiguity that grow beyond all memory. What
/// passes has a rule `root`.
ParsedGrammar check_grammar(std::string_view grammar, const GrammarTokens &tokens);

} // namespace ppocrvl
