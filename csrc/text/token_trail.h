// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ppocrvl {

/// What two texts are compared by that may differ in spaces, line ends and case: the bytes without
/// white space, in lower case where they are ASCII.
std::string letters_of(std::string_view bytes);

/// The tokens of a text, and where each begins among its letters.
class TokenTrail {
public:
  void push(std::int32_t token, std::string_view bytes);

  [[nodiscard]] std::size_t size() const { return tokens_.size(); }
  [[nodiscard]] std::int32_t token(std::size_t index) const { return tokens_[index]; }
  [[nodiscard]] const std::string &letters() const { return letters_; }

  /// Letters before a token; all of them before `size()`.
  [[nodiscard]] std::size_t begin(std::size_t index) const {
    return index < begins_.size() ? begins_[index] : letters_.size();
  }

  /// The first token that begins at or behind so many letters, or the first of those that has
  /// letters of its own; `size()` where there is none.
  [[nodiscard]] std::size_t first_at(std::size_t letters) const;
  [[nodiscard]] std::size_t first_with_letters_at(std::size_t letters) const;

private:
  std::vector<std::int32_t> tokens_;
  std::vector<std::size_t> begins_;
  std::string letters_;
};

} // namespace ppocrvl
