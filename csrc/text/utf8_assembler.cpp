// SPDX-License-Identifier: Apache-2.0
#include "text/utf8_assembler.h"

namespace ppocrvl {
namespace {

constexpr const char *replacement = "\xEF\xBF\xBD";

} // namespace

std::string Utf8Assembler::push(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (missing_ > 0 && (byte < lowest_ || byte > highest_)) {
      // The byte does not belong to what is held: replace that, then look at the byte afresh.
      text += replacement;
      broken_ = held_;
      reset();
    }
    if (missing_ > 0) {
      held_ += c;
      --missing_;
      lowest_ = 0x80;
      highest_ = 0xBF;
    } else if (begin(byte)) {
      held_ = c;
    } else {
      held_ = replacement;
      broken_ = c;
    }
    if (missing_ == 0) {
      text += held_;
      reset();
    }
  }
  return text;
}

bool Utf8Assembler::begin(unsigned char byte) {
  if (byte < 0x80) {
    missing_ = 0;
  } else if (byte >= 0xC2 && byte <= 0xDF) {
    missing_ = 1;
  } else if (byte >= 0xE0 && byte <= 0xEF) {
    missing_ = 2;
    lowest_ = byte == 0xE0 ? 0xA0 : 0x80;  // no overlong forms
    highest_ = byte == 0xED ? 0x9F : 0xBF; // no surrogates
  } else if (byte >= 0xF0 && byte <= 0xF4) {
    missing_ = 3;
    lowest_ = byte == 0xF0 ? 0x90 : 0x80;  // no overlong forms
    highest_ = byte == 0xF4 ? 0x8F : 0xBF; // nothing above U+10FFFF
  } else {
    return false;
  }
  return true;
}

bool Utf8Assembler::accepts(std::string_view bytes) const {
  Utf8Assembler copy = *this;
  copy.broken_.clear();
  copy.push(bytes);
  return copy.broken_.empty();
}

std::string Utf8Assembler::finish() {
  std::string text;
  if (missing_ > 0) {
    text = replacement;
    broken_ = held_;
  }
  reset();
  return text;
}

void Utf8Assembler::reset() {
  held_.clear();
  missing_ = 0;
  lowest_ = 0x80;
  highest_ = 0xBF;
}

} // namespace ppocrvl
