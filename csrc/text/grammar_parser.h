// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/error.h"
#include "text/grammar_check.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ppocrvl {

/// A kind of character, or a token by its id.
struct GrammarTerminal {
  bool is_token = false;
  bool is_inverse = false;                                     // whatever is not in the ranges
  std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges; // ends included
};

/// What comes next in an alternative, by its place among the grammar's rules or terminals.
struct GrammarSymbol {
  bool is_rule = false;
  std::size_t index = 0;
};
using GrammarAlternative = std::vector<GrammarSymbol>;

struct GrammarRule {
  GrammarRule(std::string_view its_name, std::size_t its_place) : name(its_name), at(its_place) {}

  std::string name; // of the rule in the text, also where a group or repetition made this one
  std::size_t at;   // in the text
  bool is_defined = false;
  bool repeats = false; // S' ::= S S' | of an endless repetition
  std::vector<GrammarAlternative> alternatives;
};

/// What llama.cpp makes of a grammar's text: groups and repetitions are rules of their own.
struct ParsedGrammar {
  std::string_view text; // the caller's
  std::vector<GrammarRule> rules;
  std::vector<GrammarTerminal> terminals;
  std::size_t root = 0; // rule with which answers begin
};

/// Reads GBNF, valid UTF-8 without zero bytes. Refuses, by `grammar_error`, whatever llama.cpp's
/// parser would print an error for, and repetitions that grow beyond all memory.
ParsedGrammar parse_grammar(std::string_view text, const GrammarTokens &tokens);

/// ErrorKind::option with the line and column of byte `at`.
Error grammar_error(std::string_view text, std::size_t at, const std::string &problem);

} // namespace ppocrvl
