// SPDX-License-Identifier: Apache-2.0
#include "tests/check.h"

#include <cstddef>
#include <exception>
#include <string>

/// Runs all cases, or those whose name contains the first argument. With two more, PART and PARTS,
/// it runs every PARTS-th of them, from the PART-th on (0 is the first): ctest runs the parts at
/// once.
int main(int argc, char **argv) {
  const std::string wanted = argc > 1 ? argv[1] : "";
  const std::size_t part = argc > 3 ? std::stoul(argv[2]) : 0;
  const std::size_t n_parts = argc > 3 ? std::stoul(argv[3]) : 1;
  if (part >= n_parts) {
    std::cerr << "usage: ppocrvl_tests [NAME [PART PARTS]], with PART less than PARTS\n";
    return 2;
  }
  std::size_t n_wanted = 0;
  int n_run = 0;
  for (const auto &test_case : check::cases()) {
    if (std::string(test_case.name).find(wanted) == std::string::npos ||
        n_wanted++ % n_parts != part) {
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
