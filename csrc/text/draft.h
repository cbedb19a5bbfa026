// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "text/draft_place.h"
#include "text/token_trail.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ppocrvl {

/// Guesses how an answer goes on: by a text that it will probably be, and by what it said before
/// where that repeats. What it guesses is compared and never believed, so any text will do.
class Draft {
public:
  /// What is less likely is not guessed.
  static constexpr double least_chance = 0.25;

  /// `given`: what the answer will probably be; may be empty.
  explicit Draft(std::shared_ptr<const TokenTrail> given);

  /// The answer goes on with this token.
  void push(std::int32_t token, std::string_view bytes);

  /// Of the next tokens, at most `most`: how likely it is that each and all before it are right,
  /// at least `least_chance`. Empty where nothing is known.
  [[nodiscard]] std::vector<double> chances(std::size_t most) const;

  /// The first of them; so many chances were given.
  [[nodiscard]] std::vector<std::int32_t> tokens(std::size_t count) const;

private:
  struct Source {
    const TokenTrail *trail = nullptr; // null: nothing is known
    const DraftPlace *place = nullptr;
    std::size_t length = 0; // tokens that it can say
  };

  [[nodiscard]] Source source() const;
  void follow_given(std::int32_t token, std::string_view letters);
  void find_in_given();
  void find_in_said();
  void index_said();

  std::shared_ptr<const TokenTrail> given_;
  DraftPlace in_given_;
  bool is_doubtful_ = false; // the place in `given_` is a guess behind a token that differs
  TokenTrail said_;          // the answer
  DraftPlace in_said_;
  // Where in `said_` its letters, some at a time, ended last, by their hash.
  std::unordered_map<std::size_t, std::size_t> ends_;
  std::size_t indexed_ = 0; // letters
};

} // namespace ppocrvl
