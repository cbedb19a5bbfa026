// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "text/grammar_parser.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace ppocrvl {

/// A grammar as its walkers need it. Never changes; any number of threads.
class Grammar {
public:
  explicit Grammar(const ParsedGrammar &parsed);

private:
  friend class GrammarWalker;

  enum class Kind : std::uint8_t { end, rule, character, token };
  struct Symbol {
    Kind kind = Kind::end; // of its alternative
    std::uint32_t index = 0;
  };

  std::vector<Symbol> symbols_;                   // of all alternatives, an end behind each
  std::vector<std::vector<std::uint32_t>> rules_; // where their alternatives begin
  std::vector<GrammarTerminal> terminals_;        // their ranges sorted
  std::uint32_t root_ = 0;
};

/// Follows a text through a grammar byte by byte, in all ways at once, and goes back the way it
/// came. Ways that differ only in what follows what they are in share it (a graph-structured stack,
/// as generalised LR parsers have it), so that an ambiguous grammar takes no more than in
/// proportion to the length of the text for each byte, where lists of stacks double with it.
class GrammarWalker {
public:
  /// Throws ErrorKind::option where following one token takes more than `most_work` steps.
  GrammarWalker(std::shared_ptr<const Grammar> grammar, std::uint64_t most_work);

  /// Whether the text may end here.
  [[nodiscard]] bool may_end() const { return levels_.back().may_end; }

  /// Goes on by a byte of UTF-8; false, and nothing is changed, where none such may come.
  bool push(unsigned char byte);

  /// Takes back the last byte that was pushed since `accept`.
  void pop();

  /// Whether the grammar names the token, not its text, as what may come next.
  [[nodiscard]] bool names(std::uint32_t token) const;

  /// Goes on by a token, through its bytes or its name; nothing is taken back beyond here. False
  /// where it may not come.
  bool accept(std::uint32_t token, std::string_view bytes);

  /// Counts the steps of the next token.
  void start_token() { work_ = 0; }

private:
  /// A place in the grammar that waits for a character or token, and what comes behind its rule.
  struct Item {
    std::uint32_t at = 0;
    std::uint32_t next = 0; // node
    // Of a character that is not complete:
    std::uint32_t code = 0;
    std::uint32_t least = 0; // shorter ones are not written with so many bytes
    int missing = 0;         // bytes
  };
  /// A place behind a rule that is being followed; it goes on behind that rule's end.
  struct Node {
    std::uint32_t at = 0;
    std::uint32_t first_edge = 0;
    std::uint64_t made_at = 0; // step
    bool is_over = false;      // its rule ended at the very step
  };
  /// One of the nodes behind a node.
  struct Edge {
    std::uint32_t node = 0;
    std::uint32_t next = 0; // edge, 0: none
  };
  /// What was there before a byte.
  struct Level {
    std::size_t first_item = 0;
    std::size_t nodes = 0;
    std::size_t edges = 0;
    bool may_end = false;
  };
  struct Visit {
    std::uint32_t at = 0;
    std::uint32_t next = 0;
    std::uint32_t same_place = 0; // another visit, 0: none
  };
  struct Mark {
    std::uint64_t step = 0;
    std::uint32_t index = 0;
  };

  void begin_step();
  void visit(std::uint32_t at, std::uint32_t next);
  void follow();
  void follow_rule(std::uint32_t at, std::uint32_t next);
  void leave(std::uint32_t node);
  std::uint32_t node_at(std::uint32_t at, std::uint32_t next);
  void take_byte(const Item &item, unsigned char byte);
  void keep_only(std::vector<Item> items, bool may_end);

  std::shared_ptr<const Grammar> grammar_;
  std::uint64_t most_work_;
  std::uint64_t work_ = 0;
  std::uint64_t step_ = 0;
  std::vector<Node> nodes_; // 0: the end of the text
  std::vector<Edge> edges_; // 0: none
  std::vector<Item> items_;
  std::vector<Level> levels_;
  bool ends_ = false;         // a way of this step
  std::vector<Visit> visits_; // of this step, in order; 0: none
  std::size_t followed_ = 0;
  std::vector<Mark> visited_; // by symbol: the last of `visits_` there
  std::vector<Mark> made_;    // by symbol: the node of this step
};

} // namespace ppocrvl
