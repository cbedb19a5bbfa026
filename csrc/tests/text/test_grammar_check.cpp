// SPDX-License-Identifier: Apache-2.0
#include "tests/check.h"
#include "text/grammar_check.h"
#include "text/grammar_parser.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

using ppocrvl::check_grammar;

namespace {

const ppocrvl::GrammarTokens tokens{
    100,
    [](std::string_view text) { return text == "<fcel>" ? std::optional(7U) : std::nullopt; },
};

/// What is said against a grammar; empty if nothing is.
std::string objection(const std::string &grammar) {
  try {
    check_grammar(grammar, tokens);
  } catch (const ppocrvl::Error &error) {
    CHECK(error.kind() == ppocrvl::ErrorKind::option);
    return error.what();
  }
  return {};
}

bool refused(const std::string &grammar, const std::string &where, const std::string &why) {
  const std::string said = objection(grammar);
  const bool good =
      said.find("grammar, " + where + ": ") == 0 && said.find(why) != std::string::npos;
  CHECK_EQUAL(good ? std::string() : said, std::string());
  return good;
}

} // namespace

TEST_CASE("grammar: what the language has") {
  for (const char *grammar : {
           "root ::= \"a\"",
           "root ::=\n  \"a\" | # a comment\n  \"b\"\n\n# another\nother-1 ::= [a-z]\r\n",
           R"(root ::= [^"\\\x7F\x00-\x1F]* [-a] [a-] [\]\[\-])",
           R"(root ::= "\"\t\u00e9\U0001F600")",
           "root ::= (\"a\" | (b)) . b{2} b{2,} b{0,3} b? b+ b{ 1 , 2 }\nb ::= \"b\" | \"\" \"c\"",
           "root ::= <[99]> !<[0]> <fcel> !<fcel>",
           R"(root ::= "x" root | "y" root "z" |)", // itself, but not at the beginning
           R"(root ::= "a"{2000} "b"*? "c"{0})",
           "root ::= \"\u00e9\" [\u00e0-\u00ff]",
           "root ::= (\n\"a\"\n|\n\"b\")\n",
           // llama.cpp's own grammar of JSON
           R"gbnf(root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::=
  "{" ws (
            string ":" ws value
    ("," ws string ":" ws value)*
  )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::=
  "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws
ws ::= | " " | "\n" [ \t]{0,20}
)gbnf",
       }) {
    CHECK_EQUAL(objection(grammar), std::string());
  }
}

TEST_CASE("grammar: what is wrong, and where") {
  refused("root ::= (", "line 1, column 10", "no end");
  refused("root ::= \"a", "line 1, column 10", "closing quotation mark");
  refused("root ::= \"\u00e9\u00e9\" [a", "line 1, column 15", "closing bracket");
  refused("root ::= [a-", "line 1, column 10", "closing bracket");
  refused("root ::= []", "line 1, column 10", "empty");
  refused("root ::= [z-a]", "line 1, column 11", "ends before");
  refused(R"(root ::= "\q")", "line 1, column 11", "escape");
  refused("root ::= \"\\", "line 1, column 11", "escape");
  refused(R"(root ::= "\x4")", "line 1, column 11", "2 hexadecimal");
  refused(R"(root ::= "\UFFFFFFFF")", "line 1, column 11", "no such character");
  refused(R"(root ::= "\x00")", "line 1, column 11", "zero");
  refused("root ::= \"a\"\nb ::= c \"\"\n", "line 2, column 7", "no rule c");
  refused("root ::= \"a\"\nroot ::= \"b\"", "line 2, column 1", "second time");
  refused("root = \"a\"", "line 1, column 6", "::=");
  refused("root ::= \"a\" ; b", "line 1, column 14", "cannot stand");
  refused("root ::= (\"a\" ; b)", "line 1, column 15", "cannot stand in a group");
  refused("root ::= \"a\"\n| \"b\"", "line 2, column 1", "name of a rule");
  refused("root ::= * \"a\"", "line 1, column 10", "nothing before");
  refused("root ::= \"a\" | +", "line 1, column 16", "nothing before");
  refused("root ::= \"\"*", "line 1, column 12", "nothing before");
  refused("root ::= \"a\"{0}{3}", "line 1, column 16", "nothing before");
  refused("root ::= <[100]>", "line 1, column 10", "0 to 99");
  refused("root ::= <[99999999999999999999999]>", "line 1, column 10", "0 to 99");
  refused("root ::= <lcel>", "line 1, column 10", "no token");
  refused("root ::= <fcel", "line 1, column 10", "closing '>'");
  refused("root ::= !\"a\"", "line 1, column 11", "'<' is missing");
  CHECK_EQUAL(objection("start ::= \"a\""),
              std::string("the grammar has no rule root, with which answers begin"));
  CHECK(!objection("").empty());
  CHECK(!objection("root ::= \"\xC3\"").empty());
  CHECK(!objection(std::string("root ::= \"a\"\0", 13)).empty());
  CHECK(!objection("root ::= \"" + std::string(1 << 20, 'a') + "\"").empty());
}

TEST_CASE("grammar: what would never come to an end") {
  refused(R"(root ::= root "a" | "a")", "line 1, column 1", "begin with itself");
  refused("root ::= \"x\"\na ::= b\nb ::= a", "line 2, column 1", "a may begin with itself");
  // llama.cpp does not see that `a` may be nothing, and would fill the memory.
  refused("root ::= a root \"y\" | \"x\"\na ::= b\nb ::= |", "line 1, column 1",
          "begin with itself");
  refused("root ::= (\"a\"?)*", "line 1, column 10", "may be nothing");
  refused("root ::= \"a\" (b c)+\nb ::= \"b\"?\nc ::= \"c\" |", "line 1, column 14",
          "may be nothing");
}

TEST_CASE("grammar: what would be too much") {
  refused("root ::= \"a\"{2001}", "line 1, column 13", "2000 at most");
  refused("root ::= \"a\"{1,99999999999999999999}", "line 1, column 13", "2000 at most");
  refused("root ::= \"a\"{3,2}", "line 1, column 13", "below the first");
  refused("root ::= (\"a\"{0,100}){0,100}", "line 1, column 22", "2000 at most");
  CHECK(objection("root ::= \"" + std::string(1000, 'a') + "\"{0,200}").find("too large") !=
        std::string::npos);
  const std::string groups(101, '(');
  CHECK(objection("root ::= " + groups).find("100 deep") != std::string::npos);
  std::string chain = "root ::= r0\n";
  std::string doubling =
      "root ::= r0 \"a\" | r0 \"b\"\n"; // 2 ways in each rule, 2 to the 20 in all
  for (int i = 0; i < 2000; ++i) {
    const std::string next = i < 1999 ? "r" + std::to_string(i + 1) : "\"x\"";
    chain.append("r").append(std::to_string(i)).append(" ::= ").append(next).append("\n");
    if (i < 20 || i == 1999) {
      doubling.append("r").append(std::to_string(std::min(i, 20))).append(" ::= ");
      doubling.append(next).append(" \"a\" | ").append(next).append("\n");
    }
  }
  CHECK(objection(chain).find("1000 deep") != std::string::npos);
  CHECK(objection(doubling).find("10000 ways") != std::string::npos);
  // The same after a first character.
  CHECK(objection("start ::= \"s\" root\n" + doubling).find("10000 ways") != std::string::npos);
  refused("root ::= \"x\" a a a a a a a a a\na ::= |||||||||", "line 1, column 1", "10000 ways");
}
