// SPDX-License-Identifier: Apache-2.0
#include "support/cpu_count.h"
#include "tests/check.h"

#include <thread>

using ppocrvl::usable_physical_cores;
using ppocrvl::usable_processors;
using ppocrvl::useful_threads;

TEST_CASE("cpu count: at least one core, at most what the machine has") {
  CHECK(usable_physical_cores() >= 1);
  CHECK(usable_physical_cores() <= usable_processors());
  CHECK(usable_processors() <= static_cast<int>(std::thread::hardware_concurrency()));
}

TEST_CASE("cpu count: small models get few threads") {
  constexpr std::uint64_t mebibyte = 1 << 20;
  CHECK_EQUAL(useful_threads(0, 8), 1);
  CHECK_EQUAL(useful_threads(31 * mebibyte, 8), 1);
  CHECK_EQUAL(useful_threads(32 * mebibyte, 8), 2);
  CHECK_EQUAL(useful_threads(900 * mebibyte, 8), 8);
  CHECK_EQUAL(useful_threads(900 * mebibyte, 0), 1);
}
