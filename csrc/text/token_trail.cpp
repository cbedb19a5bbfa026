// SPDX-License-Identifier: Apache-2.0
#include "text/token_trail.h"

#include <algorithm>

namespace ppocrvl {

std::string letters_of(std::string_view bytes) {
  constexpr std::string_view spaces = " \t\n\v\f\r";
  std::string letters;
  letters.reserve(bytes.size());
  for (const char c : bytes) {
    if (c >= 'A' && c <= 'Z') {
      letters += static_cast<char>(c - 'A' + 'a');
    } else if (spaces.find(c) == std::string_view::npos) {
      letters += c;
    }
  }
  return letters;
}

void TokenTrail::push(std::int32_t token, std::string_view bytes) {
  tokens_.push_back(token);
  begins_.push_back(letters_.size());
  letters_ += letters_of(bytes);
}

std::size_t TokenTrail::first_at(std::size_t letters) const {
  const auto found = std::lower_bound(begins_.begin(), begins_.end(), letters);
  return static_cast<std::size_t>(found - begins_.begin());
}

std::size_t TokenTrail::first_with_letters_at(std::size_t letters) const {
  std::size_t index = first_at(letters);
  while (index < size() && begin(index + 1) == begin(index)) {
    ++index;
  }
  return index;
}

} // namespace ppocrvl
