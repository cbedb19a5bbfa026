// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/error.h"

#include <iostream>
#include <sstream>
#include <string>
#include <vector>

// A test harness in a page: TEST_CASE("name") { CHECK(...); }. A failed check is reported and the
// case goes on; an exception ends the case and fails it.

namespace check {

struct Case {
  const char *name;
  void (*run)();
};

inline std::vector<Case> &cases() {
  static std::vector<Case> all;
  return all;
}

inline int &failures() {
  static int count = 0;
  return count;
}

struct Registration {
  Registration(const char *name, void (*run)()) { cases().push_back({name, run}); }
};

inline void report(const char *file, int line, const std::string &what) {
  std::cerr << file << ":" << line << ": " << what << "\n";
  ++failures();
}

template <class Left, class Right>
void equal(const Left &left, const Right &right, const char *file, int line, const char *text) {
  if (!(left == right)) {
    std::ostringstream what;
    what << text << ": " << left << " is not " << right;
    report(file, line, what.str());
  }
}

template <class Call>
void throws(ppocrvl::ErrorKind kind, Call call, const char *file, int line, const char *text) {
  try {
    call();
  } catch (const ppocrvl::Error &error) {
    if (error.kind() != kind) {
      report(file, line, std::string(text) + " threw the wrong kind: " + error.what());
    }
    return;
  }
  report(file, line, std::string(text) + " did not throw");
}

} // namespace check

#define CHECK_JOIN2(a, b) a##b
#define CHECK_JOIN(a, b) CHECK_JOIN2(a, b)
#define CHECK_CASE(name, function)                                                                 \
  static void function();                                                                          \
  static const check::Registration CHECK_JOIN(function, _registration)(name, function);            \
  static void function()

#define TEST_CASE(name) CHECK_CASE(name, CHECK_JOIN(test_case_, __LINE__))
#define CHECK(condition)                                                                           \
  ((condition) ? void() : check::report(__FILE__, __LINE__, "CHECK(" #condition ") failed"))
#define CHECK_EQUAL(left, right)                                                                   \
  check::equal((left), (right), __FILE__, __LINE__, #left " == " #right)
#define CHECK_THROWS_KIND(kind, expression)                                                        \
  check::throws((kind), [&] { (void)(expression); }, __FILE__, __LINE__, #expression)
