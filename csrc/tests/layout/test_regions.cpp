// SPDX-License-Identifier: Apache-2.0
#include "layout/regions.h"
#include "tests/check.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

using ppocrvl::layout::find_regions;
using ppocrvl::layout::Region;
using ppocrvl::layout::Results;

namespace {

/// Three queries and two classes; query 2 comes before 0, 0 before 1.
Results results() {
  Results made;
  made.logits = {0.0F, 3.0F, -9.0F, -8.0F, 2.0F, 1.0F};
  made.boxes = {0.5F, 0.5F, 0.2F, 0.4F, 0.5F, 0.5F, 1.0F, 1.0F, 0.1F, 0.9F, 0.2F, 0.2F};
  made.order_logits = {0.0F, 5.0F, -5.0F, 0.0F, 0.0F, -5.0F, 0.0F, 0.0F, 0.0F};
  return made;
}

} // namespace

TEST_CASE("layout regions: the best pairs of query and class, in reading order") {
  const std::vector<Region> regions = find_regions(results(), 2, 0.0F, 1000, 500, false);
  CHECK_EQUAL(regions.size(), std::size_t{3}); // as many as queries, though query 1 gives none
  CHECK_EQUAL(regions[0].query, 2);
  CHECK_EQUAL(regions[0].label, 0);
  CHECK_EQUAL(regions[0].order, 0);
  CHECK_EQUAL(regions[1].query, 2); // the same query, with its other class
  CHECK_EQUAL(regions[1].label, 1);
  CHECK_EQUAL(regions[2].query, 0);
  CHECK_EQUAL(regions[2].label, 1);
  CHECK_EQUAL(regions[2].order, 1);
  CHECK(std::abs(regions[2].score - 0.95257413F) < 1e-6F);
  const std::array<float, 4> box{400.0F, 150.0F, 600.0F, 350.0F};
  for (std::size_t i = 0; i < box.size(); ++i) {
    CHECK(std::abs(regions[2].box[i] - box[i]) < 1e-3F);
  }
}

TEST_CASE("layout regions: a query that found nothing may have no vote on the order") {
  Results made = results();
  // 0 comes before 2, by a little; 1, which found nothing, comes after both.
  made.order_logits = {0.0F, 9.0F, 1.0F, 0.0F, 0.0F, -9.0F, 0.0F, 0.0F, 0.0F};
  made.logits = {0.0F, 3.0F, -9.0F, -8.0F, 2.0F, -5.0F};
  const auto order = [&made](bool only_found_vote) {
    std::vector<std::int64_t> queries;
    for (const Region &region : find_regions(made, 2, 0.7F, 10, 10, only_found_vote)) {
      queries.push_back(region.query);
    }
    return queries;
  };
  CHECK(order(false) == (std::vector<std::int64_t>{0, 2}));
  made.order_logits[1] = -9.0F; // now it comes before 0
  CHECK(order(false) == (std::vector<std::int64_t>{2, 0}));
  CHECK(order(true) == (std::vector<std::int64_t>{0, 2}));
}

TEST_CASE("layout regions: what is below the threshold is left out") {
  CHECK_EQUAL(find_regions(results(), 2, 0.9F, 10, 10, false).size(), std::size_t{1});
  CHECK_EQUAL(find_regions(results(), 2, 1.0F, 10, 10, false).size(), std::size_t{0});
}
