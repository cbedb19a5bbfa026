// SPDX-License-Identifier: Apache-2.0
#include "files/key_rules.h"

#include "support/error.h"

#include <iomanip>
#include <sstream>
#include <utility>

namespace ppocrvl {

namespace {

constexpr const char *again = "; download or export it again";

std::string wanted_type(const KeyRule &rule) {
  std::string name = gguf_type_name(rule.type);
  if (rule.count == 0) {
    return name;
  }
  return rule.count == key_rules::any ? name + " array"
                                      : name + "[" + std::to_string(rule.count) + "]";
}

} // namespace

void Problems::add(std::string problem) { list_.push_back(std::move(problem)); }

void Problems::throw_if_any() const {
  constexpr size_t most = 8;
  if (list_.empty()) {
    return;
  }
  std::string message = path_ + ": not a model that can run: ";
  for (size_t i = 0; i < list_.size() && i < most; ++i) {
    message += (i == 0 ? "" : "; ") + list_[i];
  }
  if (list_.size() > most) {
    message += "; and " + std::to_string(list_.size() - most) + " more problems";
  }
  throw Error(ErrorKind::model_format, message + again);
}

std::string number_text(double value) {
  std::ostringstream text;
  text << std::setprecision(9) << value;
  return text.str();
}

void check_key(const GgufFile &file, const KeyRule &rule, Problems &problems) {
  const GgufValue *value = file.find(rule.key);
  const std::string key = std::string("key '") + rule.key + "'";
  if (value == nullptr) {
    if (rule.needed) {
      problems.add(key + " is missing");
    }
    return;
  }
  const bool same_count =
      rule.count == key_rules::any || rule.count == 0 || value->count() == rule.count;
  if (value->type != rule.type || value->is_array != (rule.count != 0) || !same_count) {
    problems.add(key + " is not " + wanted_type(rule));
    return;
  }
  if (value->type == GgufType::string) {
    // llama.cpp reads C strings; tokens have a check of their own.
    if (!value->is_array && value->strings.front().find('\0') != std::string::npos) {
      problems.add(key + " holds a NUL character");
    }
    return;
  }
  for (size_t i = 0; i < value->count(); ++i) {
    const double number = value->number(i);
    const bool is_inside = number >= rule.least && number <= rule.most; // never for a NaN
    if (!is_inside) {
      problems.add(key + " is " + number_text(number) + ", outside " + number_text(rule.least) +
                   " to " + number_text(rule.most));
      return;
    }
  }
}

int64_t key_integer(const GgufFile &file, const char *key, int64_t fallback) {
  const GgufValue *value = file.find(key);
  return value == nullptr ? fallback : int64_t{value->get<uint32_t>()};
}

int64_t key_integer(const GgufFile &file, const char *key) {
  const GgufValue *value = file.find(key);
  if (value == nullptr) {
    throw Error(ErrorKind::model_format, file.path + ": key '" + key + "' is missing" + again);
  }
  return value->get<uint32_t>();
}

std::string key_text(const GgufFile &file, const char *key) {
  const GgufValue *value = file.find(key);
  return value == nullptr ? std::string() : value->strings.front();
}

std::string shape_text(const std::array<int64_t, 4> &shape) {
  size_t n = shape.size();
  while (n > 1 && shape[n - 1] == 1) {
    --n;
  }
  std::string text = "[";
  for (size_t i = 0; i < n; ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return text + "]";
}

} // namespace ppocrvl
