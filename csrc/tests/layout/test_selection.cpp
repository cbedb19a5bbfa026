// SPDX-License-Identifier: Apache-2.0
#include "layout/selection.h"
#include "tests/check.h"

#include <cmath>
#include <cstdint>
#include <vector>

using ppocrvl::layout::largest;
using ppocrvl::layout::reading_order;

using Indices = std::vector<std::int64_t>;

TEST_CASE("layout selection: the largest come first, of equal ones the first") {
  const float none = std::nanf("");
  CHECK(largest({1.0F, 3.0F, none, 3.0F, 2.0F}, 3) == (Indices{1, 3, 4}));
  CHECK(largest({none, 1.0F, -INFINITY}, 3) == (Indices{1, 0, 2}));
  CHECK(largest({0.0F, -0.0F}, 2) == (Indices{0, 1}));
}

TEST_CASE("layout selection: the reading order is that of the votes") {
  // 2 comes before 0, 0 before 1; what is below the diagonal does not count.
  const std::vector<float> logits = {
      9.0F, 5.0F,  -5.0F, //
      9.0F, 9.0F,  -5.0F, //
      9.0F, -9.0F, 9.0F,
  };
  const std::vector<bool> all(3, true);
  CHECK(reading_order(logits, 3, all) == (Indices{1, 2, 0}));
  CHECK(reading_order(std::vector<float>(9, 0.0F), 3, all) == (Indices{0, 1, 2}));
}

TEST_CASE("layout selection: who has no vote has no say in the order") {
  // 0 comes before 2, but 1, which may be nothing, says the opposite more loudly.
  const std::vector<float> logits = {
      0.0F, 0.0F, 1.0F,  //
      0.0F, 0.0F, -9.0F, //
      0.0F, 0.0F, 0.0F,
  };
  CHECK_EQUAL(reading_order(logits, 3, {true, true, true})[2], 0);
  const Indices ranks = reading_order(logits, 3, {true, false, true});
  CHECK(ranks[0] < ranks[2]);
}
