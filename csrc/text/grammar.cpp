// SPDX-License-Identifier: Apache-2.0
#include "text/grammar.h"

#include "support/error.h"

#include <algorithm>
#include <array>
#include <utility>

namespace ppocrvl {
namespace {

constexpr std::uint32_t last_code_point = 0x10FFFF;

bool is_in_ranges(const GrammarTerminal &terminal, std::uint32_t value) {
  return std::any_of(terminal.ranges.begin(), terminal.ranges.end(), [value](const auto &range) {
    return range.first <= value && value <= range.second;
  });
}

bool accepts(const GrammarTerminal &terminal, std::uint32_t value) {
  return is_in_ranges(terminal, value) != terminal.is_inverse;
}

/// Whether it accepts one of the values from `low` to `high`.
bool accepts_any(const GrammarTerminal &terminal, std::uint32_t low, std::uint32_t high) {
  if (!terminal.is_inverse) {
    return std::any_of(terminal.ranges.begin(), terminal.ranges.end(), [=](const auto &range) {
      return range.first <= high && low <= range.second;
    });
  }
  for (const auto &[first, last] : terminal.ranges) { // sorted
    if (first > low) {
      break;
    }
    low = std::max(low, last + 1);
  }
  return low <= high;
}

bool is_surrogate(std::uint32_t code) { return code >= 0xD800 && code <= 0xDFFF; }

/// Bytes behind the first one of a character.
unsigned continuation_bytes(unsigned byte) {
  constexpr std::array<unsigned, 3> least{0xC0, 0xE0, 0xF0};
  return static_cast<unsigned>(
      std::count_if(least.begin(), least.end(), [&](unsigned one) { return byte >= one; }));
}

} // namespace

Grammar::Grammar(const ParsedGrammar &parsed)
    : terminals_(parsed.terminals), root_(static_cast<std::uint32_t>(parsed.root)) {
  for (GrammarTerminal &terminal : terminals_) {
    std::sort(terminal.ranges.begin(), terminal.ranges.end());
  }
  for (const GrammarRule &rule : parsed.rules) {
    std::vector<std::uint32_t> &begins = rules_.emplace_back();
    for (const GrammarAlternative &alternative : rule.alternatives) {
      begins.push_back(static_cast<std::uint32_t>(symbols_.size()));
      for (const GrammarSymbol &symbol : alternative) {
        Kind kind = Kind::rule;
        if (!symbol.is_rule) {
          kind = terminals_[symbol.index].is_token ? Kind::token : Kind::character;
        }
        symbols_.push_back({kind, static_cast<std::uint32_t>(symbol.index)});
      }
      symbols_.emplace_back();
    }
  }
}

GrammarWalker::GrammarWalker(std::shared_ptr<const Grammar> grammar, std::uint64_t most_work)
    : grammar_(std::move(grammar)), most_work_(most_work), nodes_(1), edges_(1),
      visited_(grammar_->symbols_.size()), made_(grammar_->symbols_.size()) {
  begin_step();
  for (const std::uint32_t at : grammar_->rules_[grammar_->root_]) {
    visit(at, 0);
  }
  follow();
  levels_.push_back({0, nodes_.size(), edges_.size(), ends_});
}

void GrammarWalker::begin_step() {
  ++step_;
  visits_.assign(1, {});
  followed_ = 1;
  ends_ = false;
}

/// Goes to a place; once a step with the same node behind it.
void GrammarWalker::visit(std::uint32_t at, std::uint32_t next) {
  Mark &mark = visited_[at];
  const std::uint32_t before = mark.step == step_ ? mark.index : 0;
  for (std::uint32_t i = before; i != 0; i = visits_[i].same_place) {
    ++work_;
    if (visits_[i].next == next) {
      return;
    }
  }
  mark = {step_, static_cast<std::uint32_t>(visits_.size())};
  visits_.push_back({at, next, before});
}

/// From the places that were visited to the characters and tokens that may come.
void GrammarWalker::follow() {
  for (; followed_ < visits_.size(); ++followed_) {
    if (++work_ > most_work_) {
      throw Error(ErrorKind::option, "the grammar leaves too many ways to go on open, so that "
                                     "choosing a token takes too long; make it less ambiguous");
    }
    const auto [at, next, same_place] = visits_[followed_];
    switch (grammar_->symbols_[at].kind) {
    case Grammar::Kind::end:
      leave(next);
      break;
    case Grammar::Kind::rule:
      follow_rule(at, next);
      break;
    default:
      items_.push_back({at, next});
    }
  }
}

void GrammarWalker::follow_rule(std::uint32_t at, std::uint32_t next) {
  // What ends with a rule goes on behind itself: else each round of a repetition would wait for the
  // next one's end.
  const bool is_last = grammar_->symbols_[at + 1].kind == Grammar::Kind::end;
  const std::uint32_t behind = is_last ? next : node_at(at + 1, next);
  for (const std::uint32_t begin : grammar_->rules_[grammar_->symbols_[at].index]) {
    visit(begin, behind);
  }
}

void GrammarWalker::leave(std::uint32_t node) {
  if (node == 0) {
    ends_ = true;
    return;
  }
  if (nodes_[node].made_at == step_) {
    nodes_[node].is_over = true; // nodes that are put behind it later are reached at once
  }
  for (std::uint32_t edge = nodes_[node].first_edge; edge != 0; edge = edges_[edge].next) {
    visit(nodes_[node].at, edges_[edge].node);
  }
}

/// The step's node for a place, with `next` behind it. `follow` comes here once for each `next`.
std::uint32_t GrammarWalker::node_at(std::uint32_t at, std::uint32_t next) {
  Mark &mark = made_[at];
  if (mark.step != step_) {
    mark = {step_, static_cast<std::uint32_t>(nodes_.size())};
    nodes_.push_back({at, 0, step_, false});
  }
  Node &node = nodes_[mark.index];
  edges_.push_back({next, node.first_edge});
  node.first_edge = static_cast<std::uint32_t>(edges_.size() - 1);
  if (node.is_over) {
    visit(at, next);
  }
  return mark.index;
}

bool GrammarWalker::push(unsigned char byte) {
  const Level before = levels_.back();
  const std::size_t end = items_.size();
  const std::size_t nodes = nodes_.size();
  const std::size_t edges = edges_.size();
  begin_step();
  for (std::size_t i = before.first_item; i < end; ++i) {
    take_byte(Item(items_[i]), byte);
  }
  follow();
  if (items_.size() == end && !ends_) {
    nodes_.resize(nodes);
    edges_.resize(edges);
    return false;
  }
  levels_.push_back({end, nodes, edges, ends_});
  return true;
}

void GrammarWalker::take_byte(const Item &item, unsigned char byte) {
  ++work_;
  const Grammar::Symbol &symbol = grammar_->symbols_[item.at];
  if (symbol.kind != Grammar::Kind::character) {
    return;
  }
  const bool goes_on = (byte & 0xC0U) == 0x80U;
  if (goes_on != (item.missing > 0) || byte >= 0xF8U) {
    return;
  }
  Item taken = item;
  if (goes_on) {
    taken.code = item.code << 6U | (byte & 0x3FU);
    --taken.missing;
  } else {
    constexpr std::array<std::uint32_t, 4> least{1, 0x80, 0x800, 0x10000};
    const unsigned more = continuation_bytes(byte);
    taken.code = more == 0 ? byte : byte & (0x3FU >> more);
    taken.least = least[more];
    taken.missing = static_cast<int>(more);
  }
  const unsigned bits = 6U * static_cast<unsigned>(taken.missing);
  const std::uint32_t low = std::max(taken.code << bits, taken.least);
  const std::uint32_t high = std::min((taken.code + 1) << bits, last_code_point + 1) - 1;
  if (low > high || (is_surrogate(low) && is_surrogate(high)) ||
      !accepts_any(grammar_->terminals_[symbol.index], low, high)) {
    return;
  }
  if (taken.missing > 0) {
    items_.push_back(taken);
  } else {
    visit(item.at + 1, item.next);
  }
}

void GrammarWalker::pop() {
  const Level level = levels_.back();
  levels_.pop_back();
  items_.resize(level.first_item);
  nodes_.resize(level.nodes);
  edges_.resize(level.edges);
}

bool GrammarWalker::names(std::uint32_t token) const {
  return std::any_of(items_.begin() + static_cast<std::ptrdiff_t>(levels_.back().first_item),
                     items_.end(), [&](const Item &item) {
                       const Grammar::Symbol &symbol = grammar_->symbols_[item.at];
                       return symbol.kind == Grammar::Kind::token &&
                              accepts(grammar_->terminals_[symbol.index], token);
                     });
}

bool GrammarWalker::accept(std::uint32_t token, std::string_view bytes) {
  std::vector<Item> items;
  bool may_end = false;
  begin_step();
  const std::size_t end = items_.size();
  for (std::size_t i = levels_.back().first_item; i < end; ++i) {
    const Grammar::Symbol &symbol = grammar_->symbols_[items_[i].at];
    if (symbol.kind == Grammar::Kind::token && accepts(grammar_->terminals_[symbol.index], token)) {
      visit(items_[i].at + 1, items_[i].next);
    }
  }
  follow();
  items.assign(items_.begin() + static_cast<std::ptrdiff_t>(end), items_.end());
  may_end = ends_;
  items_.resize(end);
  const bool is_text = !bytes.empty() && std::all_of(bytes.begin(), bytes.end(), [this](char c) {
    return push(static_cast<unsigned char>(c));
  });
  if (is_text) {
    items.insert(items.end(),
                 items_.begin() + static_cast<std::ptrdiff_t>(levels_.back().first_item),
                 items_.end());
    may_end = may_end || levels_.back().may_end;
  }
  keep_only(std::move(items), may_end);
  return !items_.empty() || may_end;
}

/// Starts anew from some items, with the nodes that can be reached from them.
void GrammarWalker::keep_only(std::vector<Item> items, bool may_end) {
  std::vector<Node> nodes(1);
  std::vector<Edge> edges(1);
  std::vector<std::uint32_t> places(nodes_.size(), 0);
  std::vector<std::uint32_t> todo;
  const auto keep = [&](std::uint32_t node) {
    if (node != 0 && places[node] == 0) {
      places[node] = static_cast<std::uint32_t>(nodes.size());
      nodes.push_back({nodes_[node].at, 0, nodes_[node].made_at, false});
      todo.push_back(node);
    }
    return places[node];
  };
  for (Item &item : items) {
    item.next = keep(item.next);
  }
  while (!todo.empty()) {
    const std::uint32_t node = todo.back();
    todo.pop_back();
    for (std::uint32_t edge = nodes_[node].first_edge; edge != 0; edge = edges_[edge].next) {
      const std::uint32_t behind = keep(edges_[edge].node);
      Node &kept = nodes[places[node]];
      edges.push_back({behind, kept.first_edge});
      kept.first_edge = static_cast<std::uint32_t>(edges.size() - 1);
    }
  }
  nodes_ = std::move(nodes);
  edges_ = std::move(edges);
  items_ = std::move(items);
  levels_ = {{0, nodes_.size(), edges_.size(), may_end}};
}

} // namespace ppocrvl
