// SPDX-License-Identifier: Apache-2.0
#include "text/draft_place.h"

#include <algorithm>

namespace ppocrvl {
namespace {

constexpr double weight_of_expected = 2.0; // tokens
constexpr double kept_share = 0.95;        // of what was seen, with each token

std::size_t class_of(std::size_t run) {
  if (run == 0) {
    return 0;
  }
  if (run < 4) {
    return 1;
  }
  return run < 16 ? 2 : 3;
}

} // namespace

Acceptance::Acceptance(const Chances &expected) {
  for (std::size_t i = 0; i < rates_.size(); ++i) {
    rates_[i] = {expected[i] * weight_of_expected, weight_of_expected};
  }
}

void Acceptance::note(std::size_t run, bool was_right) {
  Rate &rate = rates_[class_of(run)];
  rate.right = rate.right * kept_share + (was_right ? 1.0 : 0.0);
  rate.seen = rate.seen * kept_share + 1.0;
}

double Acceptance::chance(std::size_t run) const {
  const Rate &rate = rates_[class_of(run)];
  return rate.right / rate.seen;
}

void DraftPlace::set_letter(const TokenTrail &trail, std::size_t letter) {
  is_known_ = true;
  letter_ = letter;
  token_ = trail.first_at(letter);
  run_ = 0;
}

void DraftPlace::set_token(const TokenTrail &trail, std::size_t token) {
  is_known_ = true;
  token_ = std::min(token, trail.size());
  letter_ = trail.begin(token_);
  run_ = 0;
}

bool DraftPlace::step(const TokenTrail &trail, std::int32_t token, std::string_view letters) {
  if (!is_known_) {
    return false;
  }
  if (predicts(trail)) {
    const bool is_right = trail.token(token_) == token;
    acceptance_.note(run_, is_right);
    if (is_right) {
      letter_ += letters.size();
      ++token_;
      ++run_;
      return true;
    }
  }
  if (std::string_view(trail.letters()).substr(letter_, letters.size()) == letters) {
    letter_ += letters.size();
    token_ = letters.empty() ? trail.first_with_letters_at(letter_) : trail.first_at(letter_);
    return true;
  }
  is_known_ = false;
  return false;
}

} // namespace ppocrvl
