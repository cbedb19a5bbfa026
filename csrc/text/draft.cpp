// SPDX-License-Identifier: Apache-2.0
#include "text/draft.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>

namespace ppocrvl {
namespace {

// Who gives a text mostly knows; what was said before comes again now and then.
constexpr Acceptance::Chances of_given{0.5, 0.8, 0.9, 0.95};
constexpr Acceptance::Chances of_said{0.3, 0.5, 0.7, 0.85};

// Letters that must be equal for a place to be found: near where it was lost, anywhere in the
// text, and in what was said.
constexpr std::size_t near_gram = 4;
constexpr std::size_t far_gram = 10;
constexpr std::size_t said_gram = 12;
constexpr std::size_t letters_back = 16; // that count as near
constexpr std::size_t letters_ahead = 256;
constexpr std::size_t most_skipped = 3; // tokens of the text that the answer may leave out

std::string_view last_of(std::string_view letters, std::size_t count) {
  return letters.substr(letters.size() - std::min(letters.size(), count));
}

/// Where in `text` the first `gram` ends that begins at or behind `from`.
std::size_t end_of_gram(std::string_view text, std::string_view gram, std::size_t from) {
  const std::size_t found = text.find(gram, from);
  return found == std::string_view::npos ? found : found + gram.size();
}

} // namespace

Draft::Draft(std::shared_ptr<const TokenTrail> given)
    : given_(std::move(given)), in_given_(of_given), in_said_(of_said) {
  if (given_->size() > 0) {
    in_given_.set_token(*given_, 0);
  }
}

void Draft::push(std::int32_t token, std::string_view bytes) {
  const std::string letters = letters_of(bytes);
  const bool repeats = in_said_.step(said_, token, letters);
  said_.push(token, bytes);
  if (!repeats && !letters.empty()) { // behind white space the letters are found no better
    find_in_said();
  }
  index_said();
  if (given_->size() > 0) {
    follow_given(token, letters);
  }
}

void Draft::follow_given(std::int32_t token, std::string_view letters) {
  const bool was_known = in_given_.is_known();
  const std::size_t expected = in_given_.token();
  if (in_given_.step(*given_, token, letters)) {
    is_doubtful_ = false;
    return;
  }
  if (was_known) {
    // It left out some tokens, or wrote another in place of one.
    for (std::size_t skipped = 1; skipped <= most_skipped; ++skipped) {
      const std::size_t at = expected + skipped;
      if (at < given_->size() && given_->token(at) == token) {
        in_given_.set_token(*given_, at + 1);
        return;
      }
    }
    if (!std::exchange(is_doubtful_, true)) {
      in_given_.set_token(*given_, expected + 1);
      return;
    }
  }
  if (!letters.empty()) {
    find_in_given();
  }
}

void Draft::find_in_given() {
  const std::string_view text = given_->letters();
  const std::string_view answer = said_.letters();
  const std::size_t lost_at = in_given_.letter();
  const std::size_t from = lost_at - std::min(lost_at, letters_back);
  if (answer.size() >= near_gram) {
    const std::string_view near = text.substr(0, std::min(text.size(), lost_at + letters_ahead));
    const std::size_t end = end_of_gram(near, last_of(answer, near_gram), from);
    if (end != std::string_view::npos) {
      in_given_.set_letter(*given_, end);
      return;
    }
  }
  if (answer.size() >= far_gram) {
    const std::string_view gram = last_of(answer, far_gram);
    const std::size_t behind = end_of_gram(text, gram, from);
    const std::size_t end = behind == std::string_view::npos ? end_of_gram(text, gram, 0) : behind;
    if (end != std::string_view::npos) {
      in_given_.set_letter(*given_, end);
    }
  }
}

void Draft::find_in_said() {
  const std::string_view answer = said_.letters();
  if (answer.size() < said_gram) {
    return;
  }
  const std::string_view gram = last_of(answer, said_gram);
  const auto found = ends_.find(std::hash<std::string_view>()(gram));
  if (found != ends_.end() && last_of(answer.substr(0, found->second), said_gram) == gram) {
    in_said_.set_letter(said_, found->second);
  }
}

void Draft::index_said() {
  const std::string_view answer = said_.letters();
  for (; indexed_ < answer.size(); ++indexed_) {
    const std::size_t end = indexed_ + 1;
    if (end >= said_gram) {
      const std::string_view gram = answer.substr(end - said_gram, said_gram);
      ends_[std::hash<std::string_view>()(gram)] = end;
    }
  }
}

Draft::Source Draft::source() const {
  const bool has_given = in_given_.predicts(*given_);
  const bool has_said = in_said_.predicts(said_);
  if (has_given && (!has_said || in_given_.chance(0) >= in_said_.chance(0))) {
    return {given_.get(), &in_given_, given_->size() - in_given_.token()};
  }
  if (has_said) { // what repeats may go on to do so
    return {&said_, &in_said_, std::numeric_limits<std::size_t>::max()};
  }
  return {};
}

std::vector<double> Draft::chances(std::size_t most) const {
  const Source from = source();
  std::vector<double> all;
  if (from.place == nullptr) {
    return all;
  }
  double chance = 1.0;
  for (std::size_t i = 0; i < std::min(most, from.length); ++i) {
    chance *= from.place->chance(i);
    if (chance < least_chance) {
      break;
    }
    all.push_back(chance);
  }
  return all;
}

std::vector<std::int32_t> Draft::tokens(std::size_t count) const {
  const Source from = source();
  std::vector<std::int32_t> all;
  if (from.place == nullptr) {
    return all;
  }
  all.reserve(count);
  const std::size_t first = from.place->token();
  const std::size_t period = from.trail->size() - first;
  for (std::size_t i = 0; i < std::min(count, from.length); ++i) {
    all.push_back(from.trail->token(first + i % period));
  }
  return all;
}

} // namespace ppocrvl
