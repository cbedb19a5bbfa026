// SPDX-License-Identifier: Apache-2.0
#include "layout/workers.h"
#include "tests/check.h"

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <vector>

using ppocrvl::layout::Workers;

TEST_CASE("layout workers: every part is computed once, by threads with numbers of their own") {
  Workers workers(3);
  CHECK_EQUAL(workers.count(), 3);
  for (const std::int64_t n_parts : {0, 1, 2, 100}) {
    std::vector<std::atomic<int>> runs(100);
    std::vector<std::atomic<int>> inside(3);
    std::atomic<bool> is_alone{true};
    workers.run(n_parts, [&](std::int64_t part, int thread) {
      is_alone = is_alone && ++inside[static_cast<std::size_t>(thread)] == 1;
      ++runs[static_cast<std::size_t>(part)];
      --inside[static_cast<std::size_t>(thread)];
    });
    CHECK(is_alone);
    for (std::int64_t part = 0; part < 100; ++part) {
      CHECK_EQUAL(runs[static_cast<std::size_t>(part)].load(), part < n_parts ? 1 : 0);
    }
  }
}

TEST_CASE("layout workers: an exception ends the task, and the next is computed") {
  Workers workers(2);
  for (int i = 0; i < 20; ++i) {
    bool is_thrown = false;
    try {
      workers.run(50, [](std::int64_t part, int) {
        if (part == 7) {
          throw std::runtime_error("part 7");
        }
      });
    } catch (const std::runtime_error &) {
      is_thrown = true;
    }
    CHECK(is_thrown);
    std::atomic<int> count{0};
    workers.run(50, [&count](std::int64_t, int) { ++count; });
    CHECK_EQUAL(count.load(), 50);
  }
}
