// SPDX-License-Identifier: Apache-2.0
#include "text/loop_detector.h"

#include <algorithm>
#include <cctype>
#include <limits>
#include <string_view>
#include <utility>

namespace ppocrvl {
namespace {

constexpr std::size_t shortest_run = 48; // tokens; nothing shorter is looked at

/// Size that one thing takes at least, in pixels of the resized picture, and the most of them.
struct Extent {
  double pixels; // of area for cells and characters, of height for lines
  double most;
};
constexpr Extent table_cells{288.0, 1024.0}; // 24 x 12
constexpr Extent plain_signs{40.0, 640.0};   // 5 x 8: digits, dots, rules
constexpr Extent lines_of_signs{8.0, 160.0};
constexpr Extent lines_of_words{12.0, 48.0};
constexpr double least_allowed = 8.0; // lines and cells, however small the picture

constexpr std::size_t long_phrase = 8; // tokens
constexpr double most_long_phrases = 6.0;
constexpr double most_short_phrases = 24.0;
constexpr std::size_t shortest_phrase_run = 64; // tokens

constexpr std::array<std::string_view, 5> cell_tags{
    "<fcel>", "<ecel>", "<lcel>", "<ucel>", "<xcel>",
};
constexpr std::string_view row_tag = "<nl>";

double most_in(const Extent &extent, double pixels) {
  return std::max(least_allowed, std::min(extent.most, pixels / extent.pixels));
}

/// Letters of any script; the dots of leaders are none.
bool has_letters(std::string_view text) {
  constexpr std::array<std::string_view, 3> dots{"\u00b7", "\u2026", "\uff0e"};
  for (std::size_t i = 0; i < text.size();) {
    const auto *const dot = std::find_if(dots.begin(), dots.end(), [&](std::string_view candidate) {
      return text.substr(i, candidate.size()) == candidate;
    });
    if (dot != dots.end()) {
      i += dot->size();
      continue;
    }
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0x80 || std::isalpha(byte) != 0) {
      return true;
    }
    ++i;
  }
  return false;
}

} // namespace

LoopDetector::LoopDetector(int width, int height) {
  const bool known = width > 0 && height > 0;
  constexpr double unknown = std::numeric_limits<double>::infinity();
  pixels_ = known ? static_cast<double>(width) * height : unknown;
  height_ = known ? height : unknown;
}

int LoopDetector::push(std::int32_t token, std::string text) {
  const std::size_t n = tokens_.size();
  tokens_.push_back(token);
  texts_.push_back(std::move(text));
  for (std::size_t p = 1; p <= std::min(n, longest_unit); ++p) {
    matched_[p] = tokens_[n - p] == token ? matched_[p] + 1 : 0;
  }
  for (std::size_t p = 1; p <= std::min(n, longest_unit); ++p) {
    const std::size_t run = matched_[p] + p;
    if (matched_[p] < p || run < shortest_run) {
      continue;
    }
    // The shortest unit is the unit; what is periodic in it is so in its multiples.
    const auto repeats = static_cast<double>(run) / static_cast<double>(p);
    return repeats > most_repeats(p) ? static_cast<int>(matched_[p]) : 0;
  }
  return 0;
}

double LoopDetector::most_repeats(std::size_t length) const {
  double cells = 0.0;
  double lines = 0.0;
  double signs = 0.0;
  bool letters = false;
  for (std::size_t i = texts_.size() - length; i < texts_.size(); ++i) {
    const std::string_view text = texts_[i];
    if (std::find(cell_tags.begin(), cell_tags.end(), text) != cell_tags.end()) {
      cells += 1.0;
    } else if (text != row_tag) {
      lines += static_cast<double>(std::count(text.begin(), text.end(), '\n'));
      signs += static_cast<double>(
          text.size() - static_cast<std::size_t>(std::count(text.begin(), text.end(), ' ')));
      letters = letters || has_letters(text);
    }
  }
  if (cells > 0.0) {
    return most_in(table_cells, pixels_) / cells;
  }
  if (lines > 0.0) {
    return most_in(letters ? lines_of_words : lines_of_signs, height_) / lines;
  }
  if (!letters) {
    return most_in(plain_signs, pixels_) / std::max(signs, 1.0);
  }
  if (length >= long_phrase) {
    return most_long_phrases;
  }
  return std::max(most_short_phrases,
                  static_cast<double>(shortest_phrase_run) / static_cast<double>(length));
}

} // namespace ppocrvl
