// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ppocrvl {

/// Turns the bytes of successive tokens into valid UTF-8. A character whose bytes are spread over
/// several tokens is held back until it is complete; each maximal part of a broken one becomes one
/// U+FFFD, as in the WHATWG decoder and Python's `errors="replace"`.
class Utf8Assembler {
public:
  /// The characters that `bytes` completes.
  std::string push(std::string_view bytes);

  /// What is held back, as U+FFFD; the assembler is empty afterwards.
  std::string finish();

  /// Whether a character waits for more bytes.
  [[nodiscard]] bool is_open() const { return missing_ > 0; }

  /// Whether `push` would take the bytes without a U+FFFD.
  [[nodiscard]] bool accepts(std::string_view bytes) const;

  /// The bytes that were replaced last; empty if none ever were.
  [[nodiscard]] const std::string &broken() const { return broken_; }

private:
  /// Sets what must follow a character's first byte; false if no character begins with it.
  bool begin(unsigned char byte);
  void reset();

  std::string held_; // the valid beginning of a character
  std::string broken_;
  std::size_t missing_ = 0;     // continuation bytes still to come
  unsigned char lowest_ = 0x80; // bounds of the next continuation byte
  unsigned char highest_ = 0xBF;
};

} // namespace ppocrvl
