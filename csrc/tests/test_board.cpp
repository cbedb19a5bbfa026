// SPDX-License-Identifier: Apache-2.0
#include "check.h"
#include "core/board.h"

#include <cstdint>
#include <vector>

using ppocrvl::GenerateJob;
using ppocrvl::next_index;

namespace {

GenerateJob job(std::uint64_t number, int priority = 0, int rows = 1) {
  GenerateJob made;
  made.number = number;
  made.prepared.request.priority = priority;
  made.prepared.grid = {rows, 1};
  return made;
}

std::size_t first_of(const std::vector<GenerateJob> &jobs) { return next_index(jobs); }

} // namespace

TEST_CASE("board: first come, first served, within a priority") {
  CHECK_EQUAL(first_of({job(3), job(1), job(2)}), 1U);
  CHECK_EQUAL(first_of({job(1), job(2, 5), job(3, 5)}), 1U);
  CHECK_EQUAL(first_of({job(1, -1), job(2)}), 1U);
}

TEST_CASE("board: a few small pictures go ahead of a large one, and no more") {
  const auto page = [] { return job(10, 0, 1280); }; // as if it had come 5 places later
  CHECK_EQUAL(first_of({page(), job(11)}), 1U);
  CHECK_EQUAL(first_of({page(), job(14)}), 1U);
  CHECK_EQUAL(first_of({page(), job(15)}), 0U);
  CHECK_EQUAL(first_of({page(), job(16)}), 0U);
  CHECK_EQUAL(first_of({page(), job(11, 0, 1280)}), 0U);
}
