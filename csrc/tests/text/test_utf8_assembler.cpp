// SPDX-License-Identifier: Apache-2.0
#include "tests/check.h"
#include "text/utf8_assembler.h"

#include <random>
#include <string>
#include <utility>
#include <vector>

using ppocrvl::Utf8Assembler;

namespace {

std::string assemble(const std::vector<std::string> &chunks) {
  Utf8Assembler assembler;
  std::string text;
  for (const auto &chunk : chunks) {
    text += assembler.push(chunk);
  }
  return text + assembler.finish();
}

} // namespace

TEST_CASE("utf8: broken sequences are replaced by maximal parts") {
  const std::string r = "\xEF\xBF\xBD";
  // Expected values: bytes.decode("utf-8", "replace") of CPython.
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"plain", "plain"},
      {"\xC3\xA9", "\xC3\xA9"},
      {"\xE2\x82\xAC", "\xE2\x82\xAC"},
      {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
      {"\x80", r},
      {"\xC0\xAF", r + r},                 // overlong, two bytes
      {"\xE0\x80\xAF", r + r + r},         // overlong, three bytes
      {"\xF0\x80\x80\xAF", r + r + r + r}, // overlong, four bytes
      {"\xED\xA0\x80", r + r + r},         // surrogate
      {"\xF4\x90\x80\x80", r + r + r + r}, // above U+10FFFF
      {"\xF5", r},
      {"\xE2\x82", r}, // end of text
      {"\xE2\x82z", r + "z"},
      {"\xF0\x9F\x98\xE2\x82\xAC", r + "\xE2\x82\xAC"},
      {"\xE2\xE2\x82\xAC", r + "\xE2\x82\xAC"},
      {"\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF"},
      {"\xED\x9F\xBF\xEE\x80\x80", "\xED\x9F\xBF\xEE\x80\x80"},
  };
  for (const auto &[bytes, expected] : cases) {
    CHECK_EQUAL(assemble({bytes}), expected);
  }
}

TEST_CASE("utf8: where the bytes are split makes no difference") {
  std::mt19937 random(20'260'901);
  const std::string alphabet = "a\x80\xA0\xBF\xC3\xE0\xED\xE2\x82\xAC\xF0\x9F\x98\xF4\x8F\xFF";
  for (int round = 0; round < 500; ++round) {
    std::string bytes;
    for (int i = 0; i < 8; ++i) {
      bytes += alphabet[random() % alphabet.size()];
    }
    const std::string expected = assemble({bytes});
    for (unsigned splits = 0; splits < 128; ++splits) {
      std::vector<std::string> chunks{""};
      for (std::size_t i = 0; i < bytes.size(); ++i) {
        chunks.back() += bytes[i];
        if ((splits >> i & 1U) != 0) {
          chunks.emplace_back();
        }
      }
      CHECK_EQUAL(assemble(chunks), expected);
    }
  }
}

TEST_CASE("utf8: a piece never ends inside a character") {
  Utf8Assembler assembler;
  CHECK_EQUAL(assembler.push("a\xF0\x9F"), "a");
  CHECK_EQUAL(assembler.push("\x98"), "");
  CHECK_EQUAL(assembler.push("\x80z"), "\xF0\x9F\x98\x80z");
  CHECK_EQUAL(assembler.finish(), "");
}

TEST_CASE("utf8: what goes on with an open character") {
  Utf8Assembler assembler;
  CHECK(!assembler.is_open());
  CHECK(assembler.accepts("a"));
  CHECK(assembler.accepts("\xE2"));
  CHECK(!assembler.accepts("\x82"));
  assembler.push("\xE2");
  CHECK(assembler.is_open());
  CHECK(assembler.accepts("\x82"));
  CHECK(assembler.accepts("\x82\xAC!"));
  CHECK(!assembler.accepts("a"));
  CHECK(!assembler.accepts("\xE2"));
  assembler.push("\x82");
  CHECK(assembler.is_open());
  CHECK(assembler.broken().empty());
  CHECK_EQUAL(assembler.push("\xAC"), "\xE2\x82\xAC");
  CHECK(!assembler.is_open());
}

TEST_CASE("utf8: the broken bytes are kept") {
  Utf8Assembler assembler;
  assembler.push("\xE2\x82");
  assembler.push("a");
  CHECK_EQUAL(assembler.broken(), "\xE2\x82");
  assembler.push("\xFF");
  CHECK_EQUAL(assembler.broken(), "\xFF");
}
