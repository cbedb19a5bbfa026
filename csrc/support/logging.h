// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

namespace ppocrvl {

/// The numbers are those of Python's `logging`.
enum class LogLevel { debug = 10, info = 20, warning = 30, error = 40 };

/// Receives whole lines, without the newline, from any thread.
using LogSink = std::function<void(LogLevel, const std::string &)>;

/// Sends everything that ggml, libllama and mtmd log to the sink instead of stderr. Idempotent.
void route_native_logs();

/// Replaces the sink; an empty one discards. Safe from any thread. A call that is already inside
/// the old sink still ends there.
void set_log_sink(LogSink sink);

/// Forgets what `last_native_error` would tell; call before the native work it should speak of.
void clear_native_error();

/// The last error line that this thread's native calls logged, or "no further detail".
std::string last_native_error();

} // namespace ppocrvl
