// SPDX-License-Identifier: Apache-2.0
#include "tests/check.h"

#include <exception>
#include <string>

/// Runs all cases, or those whose name contains the argument.
int main(int argc, char **argv) {
  const std::string wanted = argc > 1 ? argv[1] : "";
  int n_run = 0;
  for (const auto &test_case : check::cases()) {
    if (std::string(test_case.name).find(wanted) == std::string::npos) {
      continue;
    }
    ++n_run;
    const int failures_before = check::failures();
    try {
      test_case.run();
    } catch (const std::exception &error) {
      check::report(test_case.name, 0, std::string("uncaught exception: ") + error.what());
    }
    std::cerr << (check::failures() == failures_before ? "ok      " : "FAILED  ") << test_case.name
              << "\n";
  }
  std::cerr << n_run << " cases, " << check::failures() << " failed checks\n";
  return n_run == 0 || check::failures() > 0 ? 1 : 0;
}
