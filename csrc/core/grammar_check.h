// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace ppocrvl {

/// What a grammar may say of the model's tokens.
struct GrammarTokens {
  std::uint32_t count = 0;                            // ids go up to it
  std::function<bool(std::string_view)> is_one_token; // whether the text `<…>` is one
};

/// Refuses (ErrorKind::option, with line and column) whatever llama.cpp's parser of GBNF would
/// print an error for, and what it would take but never come to an end with: rules that begin with
/// themselves, endless repetition of nothing, repetition counts and ambiguity that grow beyond all
/// memory. What passes is a grammar with a rule `root` that llama.cpp accepts without a word.
void check_grammar(std::string_view grammar, const GrammarTokens &tokens);

} // namespace ppocrvl
