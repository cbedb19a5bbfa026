// SPDX-License-Identifier: Apache-2.0
#include "ggml.h"
#include "llama.h"
#include "support/logging.h"
#include "tests/check.h"

#include <string>
#include <utility>
#include <vector>

using ppocrvl::LogLevel;

TEST_CASE("logging: fragments become lines with the level of their beginning") {
  ppocrvl::route_native_logs();
  std::vector<std::pair<LogLevel, std::string>> lines;
  ppocrvl::set_log_sink(
      [&](LogLevel level, const std::string &line) { lines.emplace_back(level, line); });
  ggml_log_callback receive = nullptr;
  void *user_data = nullptr;
  llama_log_get(&receive, &user_data);
  receive(GGML_LOG_LEVEL_INFO, "one", user_data);
  receive(GGML_LOG_LEVEL_CONT, " line\n\ntwo\n", user_data);
  receive(GGML_LOG_LEVEL_ERROR, "broken\n", user_data);
  ppocrvl::set_log_sink({});
  receive(GGML_LOG_LEVEL_WARN, "lost\n", user_data);
  CHECK_EQUAL(lines.size(), 3U);
  CHECK(lines.at(0) == std::pair(LogLevel::info, std::string("one line")));
  CHECK(lines.at(1) == std::pair(LogLevel::info, std::string("two")));
  CHECK(lines.at(2) == std::pair(LogLevel::error, std::string("broken")));
  CHECK_EQUAL(ppocrvl::last_native_error(), "broken");
  ppocrvl::clear_native_error();
  CHECK_EQUAL(ppocrvl::last_native_error(), "no further detail");
}
