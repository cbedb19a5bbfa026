// SPDX-License-Identifier: Apache-2.0
#include "support/assertion_guard.h"

#include "ggml.h"
#include "support/error.h"

#include <cstdio>
#include <exception>
#include <filesystem>
#include <mutex>
#include <string>

namespace ppocrvl {
namespace {

thread_local int guards = 0;

/// ggml ends the process when this returns. Where an exception is on its way already, a second one
/// would do the same without a word.
void on_assertion(const char *message) {
  if (guards > 0 && std::uncaught_exceptions() == 0) {
    const std::string place = std::filesystem::path(message).filename().string();
    throw Error(ErrorKind::engine, "llama.cpp gave up: " + place +
                                       "; most likely there is not enough memory, or no more "
                                       "thread can be started");
  }
  (void)std::fputs(message, stderr);
  (void)std::fputs("\n", stderr);
}

} // namespace

AssertionGuard::AssertionGuard() {
  static std::once_flag once;
  std::call_once(once, [] { ggml_set_abort_callback(&on_assertion); });
  ++guards;
}

AssertionGuard::~AssertionGuard() { --guards; }

} // namespace ppocrvl
