// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ppocrvl {

/// Tells an answer that goes round in a circle from one that repeats what the picture repeats.
///
/// A run is the same unit of 1 to 256 tokens again and again, up to the end of the answer. It is a
/// loop once it is longer than what fits on a picture of this size in small print: so many
/// table cells, lines, dots. For words within a line, which hardly ever repeat, a number is enough.
/// docs/usage.md has the limits.
class LoopDetector {
public:
  /// Size of the picture in pixels; 0 where there is none.
  LoopDetector(int width, int height);

  /// Notes the answer's next token, with its text (table tags included). Returns how many tokens at
  /// the end repeat what stands before them, if that is a loop, and 0 otherwise.
  int push(std::int32_t token, std::string text);

private:
  static constexpr std::size_t longest_unit = 256;

  /// How often the unit of the last `length` tokens may stand there in a row.
  [[nodiscard]] double most_repeats(std::size_t length) const;

  double pixels_;
  double height_;
  std::vector<std::int32_t> tokens_;
  std::vector<std::string> texts_;
  // [p]: so many of the last tokens are equal to the one p before them
  std::array<std::size_t, longest_unit + 1> matched_{};
};

} // namespace ppocrvl
