// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "files/gguf_file.h"

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace ppocrvl {

/// Collects what is wrong with one file, to report it in one line.
class Problems {
public:
  explicit Problems(const GgufFile &file) : path_(file.path) {}

  void add(std::string problem);
  /// Throws Error(model_format) that lists the first ones.
  void throw_if_any() const;

private:
  std::string path_;
  std::vector<std::string> list_;
};

/// What a metadata key must look like. llama.cpp aborts or throws on a key of another type.
struct KeyRule {
  const char *key;
  GgufType type;
  uint32_t count; // 0: a scalar; any: an array of any length
  bool needed;
  double least; // range of every element of a number
  double most;
};

/// Short names for tables of rules.
namespace key_rules {
constexpr uint32_t any = std::numeric_limits<uint32_t>::max();
constexpr bool required = true;
constexpr bool optional = false;
constexpr auto u32 = GgufType::u32;
constexpr auto i32 = GgufType::i32;
constexpr auto f32 = GgufType::f32;
constexpr auto boolean = GgufType::boolean;
constexpr auto string = GgufType::string;
} // namespace key_rules

void check_key(const GgufFile &file, const KeyRule &rule, Problems &problems);

template <size_t n>
void check_keys(const GgufFile &file, const KeyRule (&rules)[n], Problems &problems) {
  for (const KeyRule &rule : rules) {
    check_key(file, rule, problems);
  }
}

// These read keys that the check found to be of the right type.
int64_t key_integer(const GgufFile &file, const char *key, int64_t fallback);
/// A number that the key check found within its bounds, so never 0 where something is divided.
/// Throws Error(model_format) where the key is missing.
int64_t key_integer(const GgufFile &file, const char *key);
std::string key_text(const GgufFile &file, const char *key);

/// With nine digits, as messages have it.
std::string number_text(double value);
/// Without the dimensions of one element at the end.
std::string shape_text(const std::array<int64_t, 4> &shape);

} // namespace ppocrvl
