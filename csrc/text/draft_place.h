// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "text/token_trail.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ppocrvl {

/// How often the next token of a text was the answer's, by how many before it were so in a row.
/// What was seen last counts most.
class Acceptance {
public:
  /// By runs of none, up to 3, up to 15, and more.
  using Chances = std::array<double, 4>;

  /// `expected`: before anything was seen.
  explicit Acceptance(const Chances &expected);

  void note(std::size_t run, bool was_right);

  /// Between 0 and 1, neither of them.
  [[nodiscard]] double chance(std::size_t run) const;

private:
  struct Rate {
    double right = 0.0;
    double seen = 0.0;
  };

  std::array<Rate, 4> rates_;
};

/// Where an answer stands in a text that it is probably like. A token that differs in white space
/// or case alone, or is divided in another way, does not lose the place.
class DraftPlace {
public:
  explicit DraftPlace(const Acceptance::Chances &expected) : acceptance_(expected) {}

  /// Whether the text says which token comes next: `token()` of it.
  [[nodiscard]] bool predicts(const TokenTrail &trail) const {
    return is_known_ && token_ < trail.size() && trail.begin(token_) == letter_;
  }
  [[nodiscard]] bool is_known() const { return is_known_; }
  [[nodiscard]] std::size_t token() const { return token_; }
  [[nodiscard]] std::size_t letter() const { return letter_; }

  /// That the token so many behind the next one is right where all before it are.
  [[nodiscard]] double chance(std::size_t ahead) const { return acceptance_.chance(run_ + ahead); }

  /// The answer goes on behind so many letters of the text, or with a token of it.
  void set_letter(const TokenTrail &trail, std::size_t letter);
  void set_token(const TokenTrail &trail, std::size_t token);

  /// The answer went on with a token of these letters. False where the text goes on with others;
  /// the place is then lost.
  bool step(const TokenTrail &trail, std::int32_t token, std::string_view letters);

private:
  Acceptance acceptance_;
  bool is_known_ = false;
  std::size_t token_ = 0;
  std::size_t letter_ = 0; // before what comes next; kept when the place is lost
  std::size_t run_ = 0;    // right tokens up to here; one of the same letters ends no run
};

} // namespace ppocrvl
