// SPDX-License-Identifier: Apache-2.0
//
// Read beside llama.cpp's src/llama-grammar.cpp: the same language, and the same rewriting of
// repetitions to rules.
#include "text/grammar_parser.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <unordered_map>

namespace ppocrvl {
namespace {

constexpr std::uint64_t most_repetitions = 2000; // llama.cpp's limit too
constexpr std::size_t most_elements = 100'000;   // of all rules; each takes some 100 bytes
constexpr int deepest_group = 100;               // each level is a few frames of the stack
constexpr std::uint32_t last_code_point = 0x10FFFF;

class Parser {
public:
  Parser(std::string_view text, const GrammarTokens &tokens) : text_(text), tokens_(tokens) {}

  ParsedGrammar parse() {
    skip_space(true);
    while (!at_end()) {
      parse_rule();
    }
    require_definitions();
    return {text_, std::move(rules_), std::move(terminals_), by_name_.at("root")};
  }

private:
  [[nodiscard]] Error error(std::size_t at, const std::string &problem) const {
    return grammar_error(text_, at, problem);
  }

  /// What the last symbols of an alternative came from, which a repetition takes back.
  struct Item {
    std::size_t at = 0; // in the text
    std::vector<GrammarSymbol> symbols;
    std::size_t elements = 0; // as a class of characters has several
    std::uint64_t weight = 1; // rules that were made for it
  };

  [[nodiscard]] bool at_end() const { return at_ == text_.size(); }
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  [[nodiscard]] static bool is_digit(char c) { return '0' <= c && c <= '9'; }
  [[nodiscard]] static bool is_of_name(char c) {
    return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || c == '-' || is_digit(c);
  }

  void skip_space(bool newlines) {
    while (peek() == ' ' || peek() == '\t' || peek() == '#' ||
           (newlines && (peek() == '\r' || peek() == '\n'))) {
      if (peek() == '#') {
        while (!at_end() && peek() != '\r' && peek() != '\n') {
          ++at_;
        }
      } else {
        ++at_;
      }
    }
  }

  void expect(char c, const char *why) {
    if (peek() != c) {
      throw error(at_, std::string("'") + c + "' is missing " + why);
    }
    ++at_;
  }

  std::string_view name() {
    const std::size_t begin = at_;
    while (is_of_name(peek())) {
      ++at_;
    }
    if (at_ == begin) {
      throw error(at_, "the name of a rule is missing: letters, digits and '-'");
    }
    return text_.substr(begin, at_ - begin);
  }

  std::size_t rule_named(std::string_view name, std::size_t at) {
    const auto [found, is_new] = by_name_.emplace(name, rules_.size());
    if (is_new) {
      rules_.emplace_back(name, at);
    }
    return found->second;
  }

  std::size_t made_rule(std::size_t of, std::size_t at) {
    GrammarRule rule(rules_[of].name, at);
    rule.is_defined = true;
    rules_.push_back(std::move(rule));
    return rules_.size() - 1;
  }

  void count(std::size_t elements) {
    elements_ += elements;
    limit(elements_);
  }

  void limit(std::size_t elements) const {
    if (elements > most_elements) {
      throw error(at_, "the grammar is too large with its repetitions written out; repeat less");
    }
  }

  void parse_rule() {
    const std::size_t at = at_;
    const std::size_t rule = rule_named(name(), at);
    if (rules_[rule].is_defined) {
      throw error(at, "the rule " + rules_[rule].name + " is defined a second time");
    }
    rules_[rule].is_defined = true;
    rules_[rule].at = at;
    skip_space(false);
    for (const char c : std::string_view("::=")) {
      expect(c, "in the ::= after the rule's name");
    }
    skip_space(true);
    parse_alternatives(rule, 0);
    if (peek() == '\r') {
      at_ += peek(1) == '\n' ? 2U : 1U;
    } else if (peek() == '\n') {
      ++at_;
    } else if (!at_end()) {
      throw error(at_, "this cannot stand in a rule; if it is text, put it in quotation marks");
    }
    skip_space(true);
  }

  // NOLINTNEXTLINE(misc-no-recursion): it limits the depth
  void parse_alternatives(std::size_t rule, int depth) {
    if (depth > deepest_group) {
      throw error(at_, "groups stand in groups more than " + std::to_string(deepest_group) +
                           " deep; make rules of some");
    }
    std::vector<GrammarAlternative> alternatives{parse_sequence(rule, depth)};
    while (peek() == '|') {
      ++at_;
      skip_space(true);
      alternatives.push_back(parse_sequence(rule, depth));
    }
    count(alternatives.size());
    rules_[rule].alternatives = std::move(alternatives);
  }

  // NOLINTNEXTLINE(misc-no-recursion): parse_alternatives limits the depth
  GrammarAlternative parse_sequence(std::size_t rule, int depth) {
    GrammarAlternative sequence;
    Item item;
    const auto take = [&] {
      sequence.insert(sequence.end(), item.symbols.begin(), item.symbols.end());
      count(item.elements);
      item = {};
    };
    while (!at_end()) {
      const char c = peek();
      if (c == '*' || c == '+' || c == '?' || c == '{') {
        item = repeated(item, rule, depth);
        continue;
      }
      if (c != '"' && c != '[' && c != '<' && c != '!' && c != '(' && c != '.' && !is_of_name(c)) {
        break;
      }
      take();
      item = parse_item(rule, depth);
      skip_space(depth > 0);
    }
    take();
    return sequence;
  }

  // NOLINTNEXTLINE(misc-no-recursion)
  Item parse_item(std::size_t rule, int depth) {
    Item item;
    item.at = at_;
    const auto one = [&](GrammarSymbol symbol, std::size_t elements) {
      item.symbols.push_back(symbol);
      item.elements += elements;
    };
    switch (peek()) {
    case '"':
      for (const std::uint32_t character : parse_literal()) {
        one(terminal({false, false, {{character, character}}}), 1);
      }
      break;
    case '[': {
      const auto [parsed, elements] = parse_class();
      one(terminal(parsed), elements);
      break;
    }
    case '<':
    case '!':
      one(terminal(parse_token()), 1);
      break;
    case '.':
      ++at_;
      one(terminal({false, true, {}}), 1);
      break;
    case '(': {
      ++at_;
      skip_space(true);
      const std::size_t before = rules_.size();
      const std::size_t group = made_rule(rule, item.at);
      parse_alternatives(group, depth + 1);
      if (peek() != ')') {
        throw error(at_end() ? item.at : at_,
                    at_end() ? "this group has no end" : "this cannot stand in a group");
      }
      ++at_;
      one({true, group}, 1);
      item.weight = rules_.size() - before;
      break;
    }
    default: {
      const std::string_view referred = name();
      one({true, rule_named(referred, item.at)}, 1);
    }
    }
    return item;
  }

  GrammarSymbol terminal(GrammarTerminal parsed) {
    terminals_.push_back(std::move(parsed));
    return {false, terminals_.size() - 1};
  }

  std::vector<std::uint32_t> parse_literal() {
    const std::size_t begin = at_++;
    std::vector<std::uint32_t> characters;
    while (peek() != '"') {
      if (at_end()) {
        throw error(begin, "this text has no closing quotation mark");
      }
      const std::size_t at = at_;
      characters.push_back(character());
      limit(characters.size());
      if (characters.back() == 0) {
        throw error(at, "a text cannot hold a zero character");
      }
    }
    ++at_;
    return characters;
  }

  /// Also how many characters and ends of ranges it names.
  std::pair<GrammarTerminal, std::size_t> parse_class() {
    const std::size_t begin = at_++;
    GrammarTerminal parsed;
    if (peek() == '^') {
      parsed.is_inverse = true;
      ++at_;
    }
    std::size_t count = 0;
    while (peek() != ']') {
      if (at_end()) {
        throw error(begin, "this class of characters has no closing bracket");
      }
      const std::size_t at = at_;
      const std::uint32_t low = character();
      std::uint32_t high = low;
      ++count;
      if (peek() == '-' && peek(1) != ']') {
        ++at_;
        if (at_end()) {
          throw error(begin, "this class of characters has no closing bracket");
        }
        high = character();
        if (high < low) {
          throw error(at, "this range ends before it begins");
        }
        ++count;
      }
      parsed.ranges.emplace_back(low, high);
    }
    ++at_;
    if (count == 0) {
      throw error(begin, "this class of characters is empty");
    }
    return {std::move(parsed), count};
  }

  /// A character of a text or class; not at the end.
  std::uint32_t character() {
    const std::size_t at = at_;
    if (peek() != '\\') {
      return plain_character();
    }
    const char kind = peek(1);
    at_ += at_ + 1 < text_.size() ? 2U : 1U;
    switch (kind) {
    case 'x':
      return hexadecimal(at, 2);
    case 'u':
      return hexadecimal(at, 4);
    case 'U':
      return hexadecimal(at, 8);
    case 't':
      return '\t';
    case 'r':
      return '\r';
    case 'n':
      return '\n';
    case '\\':
    case '"':
    case '[':
    case ']':
    case '-':
      return static_cast<unsigned char>(kind);
    default:
      throw error(at, "there is no such escape; a backslash itself is written \\\\");
    }
  }

  std::uint32_t hexadecimal(std::size_t begin, int digits) {
    std::uint32_t value = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      const char c = peek();
      std::uint32_t digit = 0;
      if (is_digit(c)) {
        digit = static_cast<std::uint32_t>(c - '0');
      } else if ('a' <= c && c <= 'f') {
        digit = static_cast<std::uint32_t>(c - 'a' + 10);
      } else if ('A' <= c && c <= 'F') {
        digit = static_cast<std::uint32_t>(c - 'A' + 10);
      } else {
        throw error(begin, "this escape needs " + std::to_string(digits) + " hexadecimal digits");
      }
      value = value << 4U | digit;
    }
    if (value > last_code_point) {
      throw error(begin, "there is no such character");
    }
    return value;
  }

  /// The text is valid UTF-8.
  std::uint32_t plain_character() {
    const auto first = static_cast<unsigned char>(text_[at_++]);
    if (first < 0x80U) {
      return first;
    }
    const unsigned more = 1U + (first >= 0xE0U ? 1U : 0U) + (first >= 0xF0U ? 1U : 0U);
    std::uint32_t value = first & (0x3FU >> more);
    for (unsigned i = 0; i < more; ++i) {
      value = value << 6U | (static_cast<unsigned char>(text_[at_++]) & 0x3FU);
    }
    return value;
  }

  /// `<[12]>`, `<text>`, or one of them after `!`.
  GrammarTerminal parse_token() {
    GrammarTerminal parsed;
    parsed.is_token = true;
    if (peek() == '!') {
      parsed.is_inverse = true;
      ++at_;
    }
    const std::size_t begin = at_;
    expect('<', "after '!': it stands before a token");
    if (peek() == '[') {
      ++at_;
      const std::uint64_t id = number();
      if (id >= tokens_.count) {
        throw error(begin, "the model has no such token; its ids are 0 to " +
                               std::to_string(tokens_.count - 1));
      }
      expect(']', "after the token's id");
      expect('>', "after the token's id");
      const auto token = static_cast<std::uint32_t>(id);
      parsed.ranges.emplace_back(token, token);
      return parsed;
    }
    const std::size_t end = text_.find('>', at_);
    if (end == std::string_view::npos) {
      throw error(begin, "this token has no closing '>'");
    }
    at_ = end + 1;
    const auto token = tokens_.id_of(text_.substr(begin, at_ - begin));
    if (!token) {
      throw error(begin, "this is no token of the model");
    }
    parsed.ranges.emplace_back(*token, *token);
    return parsed;
  }

  std::uint64_t number() {
    const std::size_t begin = at_;
    std::uint64_t value = 0;
    for (; is_digit(peek()); ++at_) {
      constexpr std::uint64_t most = std::uint64_t{1} << 40U; // more is too much everywhere
      value = std::min(most, value * 10 + static_cast<std::uint64_t>(peek() - '0'));
    }
    if (at_ == begin) {
      throw error(at_, "a number is missing");
    }
    return value;
  }

  /// The item under the repetition that comes now; S{m,n} is m times S and one of n - m made rules:
  /// S'(x) ::= S S'(x-1) |, or S' ::= S S' | where there is no n.
  Item repeated(const Item &item, std::size_t rule, int depth) {
    const std::size_t at = at_;
    const auto [least, most] = parse_times(depth);
    if (item.symbols.empty()) {
      throw error(at, "there is nothing before this to repeat");
    }
    const auto times = std::max<std::uint64_t>({most.value_or(0), least, 1});
    if (item.weight * times > most_repetitions) {
      throw error(at, "this repeats too much: counts, multiplied with those of groups inside, may "
                      "be 2000 at most");
    }
    Item all;
    all.at = item.at;
    all.weight = item.weight * times;
    all.elements = item.elements * least;
    for (std::uint64_t i = 0; i < least; ++i) {
      all.symbols.insert(all.symbols.end(), item.symbols.begin(), item.symbols.end());
    }
    const std::uint64_t options = most ? most.value() - least : 1;
    count(item.elements * options + 3 * options);
    std::optional<std::size_t> last;
    for (std::uint64_t i = 0; i < options; ++i) {
      const std::size_t made = made_rule(rule, item.at);
      GrammarAlternative again = item.symbols;
      if (!most) {
        again.push_back({true, made});
        rules_[made].repeats = true;
      } else if (last) {
        again.push_back({true, *last});
      }
      rules_[made].alternatives = {std::move(again), {}};
      last = made;
    }
    if (last) {
      all.symbols.push_back({true, *last});
      ++all.elements;
    }
    return all;
  }

  /// Least and most times; none is no limit.
  std::pair<std::uint64_t, std::optional<std::uint64_t>> parse_times(int depth) {
    const std::size_t at = at_;
    const char sign = text_[at_++];
    skip_space(depth > 0);
    if (sign == '*') {
      return {0, std::nullopt};
    }
    if (sign == '+') {
      return {1, std::nullopt};
    }
    if (sign == '?') {
      return {0, 1};
    }
    const std::uint64_t least = number();
    std::optional<std::uint64_t> most = least;
    skip_space(depth > 0);
    if (peek() == ',') {
      ++at_;
      skip_space(depth > 0);
      most.reset();
      if (is_digit(peek())) {
        most = number();
        skip_space(depth > 0);
      }
    }
    expect('}', "after the count");
    skip_space(depth > 0);
    if (least > most_repetitions || most.value_or(0) > most_repetitions) {
      throw error(at, "a count may be 2000 at most");
    }
    if (most && *most < least) {
      throw error(at, "the second count is below the first");
    }
    return {least, most};
  }

  void require_definitions() const {
    for (const GrammarRule &rule : rules_) {
      if (!rule.is_defined) {
        throw error(rule.at, "there is no rule " + rule.name);
      }
    }
    if (by_name_.count("root") == 0) {
      throw Error(ErrorKind::option, "the grammar has no rule root, with which answers begin");
    }
  }

  std::string_view text_;
  const GrammarTokens &tokens_;
  std::size_t at_ = 0;
  std::size_t elements_ = 0;
  std::vector<GrammarRule> rules_;
  std::vector<GrammarTerminal> terminals_;
  std::unordered_map<std::string_view, std::size_t> by_name_;
};

} // namespace

ParsedGrammar parse_grammar(std::string_view text, const GrammarTokens &tokens) {
  return Parser(text, tokens).parse();
}

Error grammar_error(std::string_view text, std::size_t at, const std::string &problem) {
  const std::string_view before = text.substr(0, at);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t begin = before.rfind('\n') + 1; // npos + 1 is 0
  const auto column =
      std::count_if(before.begin() + static_cast<std::ptrdiff_t>(begin), before.end(),
                    [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }) +
      1;
  return {ErrorKind::option, "grammar, line " + std::to_string(line) + ", column " +
                                 std::to_string(column) + ": " + problem};
}

} // namespace ppocrvl
