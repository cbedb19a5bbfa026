// SPDX-License-Identifier: Apache-2.0
#include "llama.h"
#include "model/language_model.h"
#include "tests/check.h"
#include "tests/engine_cases.h"
#include "text/grammar_check.h"
#include "text/grammar_filter.h"
#include "text/utf8_assembler.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using ppocrvl::ErrorKind;
using ppocrvl::Grammar;
using ppocrvl::GrammarFilter;
using ppocrvl::GrammarWalker;

namespace {

constexpr std::uint64_t plenty = 1'000'000;
constexpr std::uint32_t named = 7; // <fcel>

std::shared_ptr<const Grammar> read(const std::string &grammar, std::uint32_t n_tokens = 100) {
  const auto find = [](std::string_view text) {
    return text == "<fcel>" ? std::optional(named) : std::nullopt;
  };
  return std::make_shared<const Grammar>(ppocrvl::check_grammar(grammar, {n_tokens, find}));
}

/// How many bytes of the text may come.
std::size_t taken(GrammarWalker &walker, std::string_view text) {
  std::size_t count = 0;
  while (count < text.size() && walker.push(static_cast<unsigned char>(text[count]))) {
    ++count;
  }
  return count;
}

bool matches(const std::string &grammar, std::string_view text) {
  GrammarWalker walker(read(grammar), plenty);
  return taken(walker, text) == text.size() && walker.may_end();
}

std::size_t taken(const std::string &grammar, std::string_view text) {
  GrammarWalker walker(read(grammar), plenty);
  return taken(walker, text);
}

} // namespace

TEST_CASE("grammar walker: texts that a grammar allows, and others") {
  CHECK(matches("root ::= \"ab\" | \"ac\"", "ac"));
  CHECK(!matches("root ::= \"ab\" | \"ac\"", "a"));
  CHECK_EQUAL(taken("root ::= \"ab\" | \"ac\"", "ad"), 1U);
  CHECK(matches("root ::= (\"a\" | \"b\")* \"c\"?", ""));
  CHECK(matches("root ::= (\"a\" | \"b\")* \"c\"?", "abbac"));
  CHECK(!matches("root ::= [a-c]{2,3}", "a"));
  CHECK(matches("root ::= [a-c]{2,3}", "abc"));
  CHECK_EQUAL(taken("root ::= [a-c]{2,3}", "abca"), 3U);
  const std::string nested = "root ::= \"(\" root \")\" root |";
  CHECK(matches(nested, "(()(()))()"));
  CHECK(!matches(nested, "(()"));
  CHECK_EQUAL(taken(nested, "())"), 2U);
  // Rules that may be nothing, before and behind others.
  const std::string nothing = "root ::= a b a \"x\" a\na ::= | b b\nb ::= | \"y\"";
  for (const char *text : {"x", "yx", "yyyyyx", "yyxyy"}) {
    CHECK(matches(nothing, text));
  }
  CHECK(!matches(nothing, "xyyy"));
  CHECK_EQUAL(taken(nothing, "yyyyyy"), 5U);
  // The same rule twice at one place, with other things behind it.
  const std::string both = "root ::= a \"1\" | b\na ::= c\nb ::= a \"2\"\nc ::= \"c\" |";
  for (const char *text : {"c1", "c2", "1", "2"}) {
    CHECK(matches(both, text));
  }
}

TEST_CASE("grammar walker: characters of several bytes, and broken ones") {
  CHECK(matches("root ::= \"\u00e9\u20ac\U0001F600\"", "\u00e9\u20ac\U0001F600"));
  CHECK(matches("root ::= [\u00e0-\u00ff]+", "\u00e0\u00e9\u00ff"));
  CHECK_EQUAL(taken("root ::= [\u00e0-\u00ff]+", "\u20ac"), 0U);
  CHECK(matches("root ::= [^\u00e9]", "\u00e8"));
  CHECK_EQUAL(taken("root ::= [^\u00e9]", "\u00e9"), 1U);
  CHECK_EQUAL(taken("root ::= [^\\U00000080-\\U0010FFFF]", "\u00e9"), 0U);
  for (const char *broken : {
           "\x80",
           "\xC0\x80",
           "\xC1\xBF",
           "\xE0\x81\x80",
           "\xED\xA0\x80",
           "\xF0\x8F\xBF\xBF",
           "\xF4\x90\x80\x80",
           "\xF8\x80",
           "\xFF",
       }) {
    CHECK(!matches("root ::= .*", broken));
  }
  CHECK_EQUAL(taken("root ::= .*", "a\xC3z"), 2U);
  GrammarWalker walker(read("root ::= .*"), plenty);
  CHECK(!walker.push(0));
}

TEST_CASE("grammar walker: goes back to where it was") {
  GrammarWalker walker(read("root ::= \"(\" root \")\" root | \"a\" |"), plenty);
  CHECK_EQUAL(taken(walker, "(((a"), 4U);
  for (int i = 0; i < 3; ++i) {
    walker.pop();
  }
  CHECK(!walker.may_end());
  CHECK_EQUAL(taken(walker, ")(a)b"), 4U);
  CHECK(walker.may_end());
}

TEST_CASE("grammar walker: tokens by their text and by their name") {
  GrammarWalker walker(read(R"(root ::= "a" (<fcel> "b" | "<" "c"))"), plenty);
  CHECK(walker.accept(1, "a"));
  CHECK(walker.names(named));
  CHECK(!walker.names(1));
  CHECK(!walker.may_end());
  CHECK(walker.accept(named, "<fcel>")); // its text alone would end at <f
  CHECK(walker.accept(2, "b"));
  CHECK(walker.may_end());
  GrammarWalker other(read("root ::= !<fcel> \"b\""), plenty);
  CHECK(!other.names(named));
  CHECK(other.accept(1, "whatever"));
  CHECK(!other.accept(2, "c"));
  // Both ways at once.
  GrammarWalker both(read(R"(root ::= <fcel> "1" | "<fcel>" "2")"), plenty);
  CHECK(both.accept(named, "<fcel>"));
  CHECK_EQUAL(taken(both, "1"), 1U);
  both.pop();
  CHECK_EQUAL(taken(both, "2"), 1U);
}

TEST_CASE("grammar walker: an ambiguous grammar takes no more for each byte, and is given up") {
  // 2 to the n ways after n letters.
  const auto grammar = read(R"(root ::= [a-z] root "1" | [a-z] root "2" | [a-z])");
  GrammarWalker walker(grammar, 200);
  bool goes_on = true;
  for (int i = 0; i < 1000; ++i) {
    walker.start_token();
    goes_on = goes_on && walker.accept(1, "a");
  }
  for (int i = 0; i < 999; ++i) {
    walker.start_token();
    goes_on = goes_on && walker.accept(1, i % 3 == 0 ? "1" : "2");
  }
  CHECK(goes_on);
  CHECK(walker.may_end());
  GrammarWalker long_token(grammar, 200);
  CHECK_THROWS_KIND(ErrorKind::option, long_token.accept(1, std::string(100, 'a')));
}

namespace {

std::vector<llama_token_data> all_tokens(std::int32_t n_tokens) {
  std::vector<llama_token_data> all;
  all.reserve(static_cast<std::size_t>(n_tokens));
  for (std::int32_t token = 0; token < n_tokens; ++token) {
    all.push_back({token, 1.0F, 0.0F});
  }
  return all;
}

} // namespace

TEST_CASE("grammar walker: lets the same tokens come as llama.cpp") {
  const auto options = ppocrvl::test::test_model();
  if (!options) {
    return;
  }
  ppocrvl::LanguageModelOptions model_options;
  model_options.path = options->llm;
  const ppocrvl::LanguageModel model(model_options);
  const ppocrvl::TokenTexts &texts = model.vocabulary().texts();
  const auto n_tokens = static_cast<std::int32_t>(model.vocabulary().size());
  const auto is_whole = [&](std::int32_t token) {
    ppocrvl::Utf8Assembler assembler;
    assembler.push(texts.bytes(token));
    return !assembler.is_open() && assembler.broken().empty();
  };
  std::mt19937 random(3);
  for (const char *text : {
           "root ::= [0-9]+",
           "root ::= .*",
           R"(root ::= "the " [a-z]+ ("," | ".")? root |)",
           R"(root ::= [^a-z]* "e" [a-z]{0,3} root)",
           "root ::= \"(\" root \")\" root | [a-zA-Z ]+",
           "root ::= [\u00c0-\u00ff]* [^\u00e9] root",
           "root ::= !<[300]> [a-z]* root | <[300]> \"x\"",
           R"gbnf(root ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::= "{" ws ( string ":" ws value ("," ws string ":" ws value)* )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws
ws ::= | " " | "\n" [ \t]{0,20})gbnf",
       }) {
    GrammarFilter filter(read(text, static_cast<std::uint32_t>(n_tokens)), texts);
    const ppocrvl::LlamaSamplerPtr theirs(llama_sampler_init_grammar(model.vocab(), text, "root"));
    for (int step = 0; step < 25; ++step) {
      auto candidates = all_tokens(n_tokens);
      auto expected = candidates;
      llama_token_data_array array{expected.data(), expected.size(), -1, false};
      llama_sampler_apply(theirs.get(), &array);
      filter.start_token();
      filter.filter(candidates);
      std::vector<std::int32_t> next;
      std::string differs;
      for (const llama_token_data &candidate : candidates) {
        const bool may_come = std::isfinite(candidate.logit);
        const bool whole = is_whole(candidate.id);
        const bool theirs_may =
            std::isfinite(expected[static_cast<std::size_t>(candidate.id)].logit);
        if (may_come != filter.allows(candidate.id) || (whole && may_come != theirs_may)) {
          differs = text + std::string(": ") + std::string(texts.bytes(candidate.id));
        }
        if (may_come && whole && !texts.ends_answer(candidate.id)) {
          next.push_back(candidate.id);
        }
      }
      CHECK_EQUAL(differs, std::string());
      if (next.empty() || !differs.empty()) {
        break;
      }
      const std::int32_t token = next[random() % next.size()];
      filter.accept(token);
      llama_sampler_accept(theirs.get(), token);
    }
  }
}
