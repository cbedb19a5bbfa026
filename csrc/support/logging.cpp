// SPDX-License-Identifier: Apache-2.0
#include "support/logging.h"

#include "llama.h"
#include "mtmd.h"

#include <memory>
#include <mutex>
#include <utility>

namespace ppocrvl {
namespace {

std::mutex sink_mutex;
std::shared_ptr<const LogSink> current_sink;

// Upstream logs fragments: a line may arrive in several calls of one thread.
struct PendingLine {
  LogLevel level = LogLevel::info;
  std::string text;
};
thread_local PendingLine pending;
thread_local std::string last_error;

LogLevel to_log_level(ggml_log_level level) {
  switch (level) {
  case GGML_LOG_LEVEL_ERROR:
    return LogLevel::error;
  case GGML_LOG_LEVEL_WARN:
    return LogLevel::warning;
  case GGML_LOG_LEVEL_INFO:
    return LogLevel::info;
  default:
    return LogLevel::debug;
  }
}

void emit(LogLevel level, const std::string &line) {
  if (level == LogLevel::error) {
    last_error = line;
  }
  std::shared_ptr<const LogSink> sink;
  {
    // Held only for the copy: the sink may wait for Python's GIL, whose holder may wait for us.
    const std::scoped_lock lock(sink_mutex);
    sink = current_sink;
  }
  if (sink) {
    (*sink)(level, line);
  }
}

void take(ggml_log_level level, const char *text) {
  if (level != GGML_LOG_LEVEL_CONT) {
    pending.level = to_log_level(level);
  }
  for (const char *cursor = text; *cursor != '\0'; ++cursor) {
    if (*cursor != '\n') {
      pending.text += *cursor;
      continue;
    }
    const std::string line = std::exchange(pending.text, {});
    if (!line.empty()) {
      emit(pending.level, line);
    }
  }
}

/// Called from C code, which no exception may leave: where there is no memory for a line, it is
/// lost.
void receive(ggml_log_level level, const char *text, void * /*user_data*/) noexcept {
  try {
    take(level, text);
  } catch (...) {
    pending.text.clear();
  }
}

} // namespace

void route_native_logs() {
  llama_log_set(receive, nullptr);
  mtmd_log_set(receive, nullptr);
}

void set_log_sink(LogSink sink) {
  auto next = sink ? std::make_shared<const LogSink>(std::move(sink)) : nullptr;
  {
    const std::scoped_lock lock(sink_mutex);
    current_sink.swap(next);
  }
  // The old sink dies here, outside the lock: its destructor may need the GIL.
}

void clear_native_error() { last_error.clear(); }

std::string last_native_error() { return last_error.empty() ? "no further detail" : last_error; }

} // namespace ppocrvl
