// SPDX-License-Identifier: Apache-2.0
#include "text/grammar_check.h"

#include "support/error.h"
#include "text/grammar_parser.h"
#include "text/utf8_assembler.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace ppocrvl {
namespace {

constexpr std::size_t most_bytes = std::size_t{1} << 20;
constexpr std::size_t deepest_begin = 1000; // rules that begin with a rule that begins with …
constexpr double most_begins = 10'000.0;    // ways to begin a rule, which are looked at one by one

/// Which rules may be nothing.
std::vector<bool> empty_rules(const std::vector<GrammarRule> &rules) {
  std::vector<bool> empty(rules.size(), false);
  // An alternative that waits for some more of its symbols, and who waits for a rule.
  struct Waiting {
    std::size_t rule;
    std::size_t missing;
  };
  std::vector<Waiting> waiting;
  std::vector<std::vector<std::size_t>> waits_for(rules.size());
  std::vector<std::size_t> found;
  const auto mark = [&](std::size_t rule) {
    if (!empty[rule]) {
      empty[rule] = true;
      found.push_back(rule);
    }
  };
  for (std::size_t i = 0; i < rules.size(); ++i) {
    for (const GrammarAlternative &one : rules[i].alternatives) {
      if (one.empty()) {
        mark(i);
      } else if (std::all_of(one.begin(), one.end(),
                             [](const GrammarSymbol &symbol) { return symbol.is_rule; })) {
        for (const GrammarSymbol &symbol : one) {
          waits_for[symbol.index].push_back(waiting.size());
        }
        waiting.push_back({i, one.size()});
      }
    }
  }
  while (!found.empty()) {
    const std::size_t rule = found.back();
    found.pop_back();
    for (const std::size_t at : waits_for[rule]) {
      if (--waiting[at].missing == 0) {
        mark(waiting[at].rule);
      }
    }
  }
  return empty;
}

/// The rules that each rule may begin with.
std::vector<std::vector<std::size_t>> first_rules(const std::vector<GrammarRule> &rules,
                                                  const std::vector<bool> &empty) {
  std::vector<std::vector<std::size_t>> first(rules.size());
  for (std::size_t i = 0; i < rules.size(); ++i) {
    for (const GrammarAlternative &one : rules[i].alternatives) {
      for (const GrammarSymbol &symbol : one) {
        if (!symbol.is_rule) {
          break;
        }
        first[i].push_back(symbol.index);
        if (!empty[symbol.index]) {
          break;
        }
      }
    }
  }
  return first;
}

/// The rules in such an order that each comes after those that it may begin with.
std::vector<std::size_t> bottom_up(const ParsedGrammar &grammar,
                                   const std::vector<std::vector<std::size_t>> &first) {
  enum class State { fresh, open, done };
  std::vector<State> states(first.size(), State::fresh);
  std::vector<std::size_t> order;
  struct Visit {
    std::size_t rule;
    std::size_t next; // of the rules it begins with
  };
  std::vector<Visit> path;
  for (std::size_t start = 0; start < first.size(); ++start) {
    if (states[start] != State::fresh) {
      continue;
    }
    states[start] = State::open;
    path.push_back({start, 0});
    while (!path.empty()) {
      Visit &visit = path.back();
      if (visit.next == first[visit.rule].size()) {
        states[visit.rule] = State::done;
        order.push_back(visit.rule);
        path.pop_back();
        continue;
      }
      const std::size_t rule = first[visit.rule][visit.next++];
      if (states[rule] == State::open) {
        const GrammarRule &again = grammar.rules[rule];
        throw grammar_error(grammar.text, again.at,
                            again.repeats
                                ? "what is repeated here may be nothing, which could be repeated "
                                  "for ever; make a part of it necessary"
                                : "the rule " + again.name +
                                      " may begin with itself; let it begin with something else");
      }
      if (states[rule] == State::fresh) {
        states[rule] = State::open;
        path.push_back({rule, 0});
      }
    }
  }
  return order;
}

void require_shallow_beginnings(const ParsedGrammar &grammar, const std::vector<std::size_t> &order,
                                const std::vector<std::vector<std::size_t>> &first) {
  std::vector<std::size_t> depth(first.size(), 0);
  for (const std::size_t i : order) {
    for (const std::size_t below : first[i]) {
      depth[i] = std::max(depth[i], depth[below] + 1);
    }
    if (depth[i] > deepest_begin) {
      const GrammarRule &rule = grammar.rules[i];
      throw grammar_error(grammar.text, rule.at,
                          "the rule " + rule.name +
                              " begins with a rule that begins with a rule, and so on, "
                              "more than 1000 deep");
    }
  }
}

/// Every way in which a rule may begin is followed, and kept where it ends at another character.
class Beginnings {
public:
  explicit Beginnings(const ParsedGrammar &grammar)
      : grammar_(grammar), ways_(grammar.rules.size(), 0.0), nothing_(grammar.rules.size(), 0.0) {}

  /// Counts those of a rule; those that it may begin with were counted.
  void count(std::size_t rule) {
    ways_[rule] = 1.0;
    for (const GrammarAlternative &one : grammar_.rules[rule].alternatives) {
      double through = 1.0; // ways to be nothing up to here
      for (auto symbol = one.begin(); symbol != one.end() && through > 0.0; ++symbol) {
        ways_[rule] += through * (symbol->is_rule ? ways_[symbol->index] : 1.0);
        through *= symbol->is_rule ? nothing_[symbol->index] : 0.0;
        limit(rule, ways_[rule]);
      }
      ways_[rule] += through;
      nothing_[rule] += through;
    }
    limit(rule, ways_[rule]);
  }

  /// Looks at the ways to go on from the middle of a rule; all were counted.
  void check_middle(std::size_t rule) const {
    for (const GrammarAlternative &one : grammar_.rules[rule].alternatives) {
      double ways = 1.0;
      for (auto symbol = one.rbegin(); symbol != one.rend(); ++symbol) {
        ways = symbol->is_rule ? ways_[symbol->index] + nothing_[symbol->index] * ways : 1.0;
        limit(rule, ways);
      }
    }
  }

private:
  void limit(std::size_t rule, double ways) const {
    if (ways > most_begins) {
      const GrammarRule &one = grammar_.rules[rule];
      throw grammar_error(grammar_.text, one.at,
                          "the rule " + one.name +
                              " can begin, or go on, in more than 10000 ways; make it "
                              "less ambiguous");
    }
  }

  const ParsedGrammar &grammar_;
  std::vector<double> ways_;    // into each rule
  std::vector<double> nothing_; // of each rule to be nothing
};

} // namespace

ParsedGrammar check_grammar(std::string_view grammar, const GrammarTokens &tokens) {
  if (grammar.size() > most_bytes || grammar.find('\0') != std::string_view::npos) {
    throw Error(ErrorKind::option, "the grammar is longer than 1 MiB or holds a zero byte");
  }
  Utf8Assembler assembler;
  assembler.push(grammar);
  if (!assembler.broken().empty() || assembler.is_open()) {
    throw Error(ErrorKind::option, "the grammar is no valid UTF-8");
  }
  ParsedGrammar parsed = parse_grammar(grammar, tokens);
  const auto first = first_rules(parsed.rules, empty_rules(parsed.rules));
  const auto order = bottom_up(parsed, first);
  require_shallow_beginnings(parsed, order, first);
  Beginnings beginnings(parsed);
  for (const std::size_t rule : order) {
    beginnings.count(rule);
  }
  for (const std::size_t rule : order) {
    beginnings.check_middle(rule);
  }
  return parsed;
}

} // namespace ppocrvl
