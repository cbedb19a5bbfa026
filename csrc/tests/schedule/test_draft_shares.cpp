// SPDX-License-Identifier: Apache-2.0
#include "schedule/draft_shares.h"
#include "schedule/step_costs.h"
#include "tests/check.h"

#include <cmath>
#include <cstddef>
#include <numeric>
#include <random>
#include <vector>

using ppocrvl::draft_shares;
using ppocrvl::StepCosts;

namespace {

using Chances = std::vector<std::vector<double>>;

/// So many tokens with this chance each.
std::vector<double> powers(double chance, int count) {
  std::vector<double> all;
  for (int i = 1; i <= count; ++i) {
    all.push_back(std::pow(chance, i));
  }
  return all;
}

/// A machine on which reading the weights takes as long as `free` tokens.
double roofline(int n_tokens, int free) { return n_tokens < free ? 1.0 : 1.0 * n_tokens / free; }

StepCosts learned(int free) {
  StepCosts costs;
  for (const int n : {1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 32}) {
    costs.note(n, roofline(n, free));
  }
  return costs;
}

int sum(const std::vector<int> &all) { return std::accumulate(all.begin(), all.end(), 0); }

} // namespace

TEST_CASE("step costs: means of what was seen") {
  StepCosts costs;
  CHECK_EQUAL(costs.of(1), 1.0);
  CHECK(costs.of(8) > costs.of(2));
  costs.note(1, 0.02);
  CHECK_EQUAL(costs.of(1), 0.02);
  CHECK(costs.of(8) > 0.02);
  CHECK(costs.of(8) < 0.04); // rather too low
  for (int i = 0; i < 30; ++i) {
    costs.note(8, 0.05);
  }
  CHECK(std::abs(costs.of(8) - 0.05) < 1e-9);
  CHECK(costs.of(4) <= 0.05);
  CHECK(costs.of(32) > 0.05);
  costs.note(8, 0.1);
  CHECK(costs.of(8) > 0.06);
  CHECK(costs.of(8) < 0.07);
}

TEST_CASE("step costs: sizes between are those of the next larger one that is told apart") {
  StepCosts costs;
  costs.note(10, 3.0);
  CHECK_EQUAL(costs.of(9), 3.0);
  CHECK_EQUAL(costs.of(12), 3.0);
  CHECK(costs.of(13) > 3.0);
  CHECK(costs.of(8) < 3.0);
  costs.note(200, 100.0); // no step with drafts
  CHECK(costs.of(32) < 10.0);
}

TEST_CASE("step costs: what was not seen for long is tried again") {
  StepCosts costs;
  costs.note(1, 1.0);
  costs.note(16, 1000.0); // something else had the cores
  for (int i = 0; i < 600; ++i) {
    costs.note(1, 1.0);
  }
  CHECK(costs.of(16) < 3.0);
}

TEST_CASE("draft shares: as many as are worth their cost") {
  // All of a right draft where tokens are free, up to where they are not.
  CHECK_EQUAL(draft_shares({powers(0.99, 31)}, learned(32)).front(), 31);
  CHECK_EQUAL(draft_shares({powers(0.99, 31)}, learned(8)).front(), 7);
  CHECK_EQUAL(draft_shares({powers(0.99, 3)}, learned(8)).front(), 3);
  // None where each token costs as much as alone, or is wrong, or nobody has a draft.
  CHECK_EQUAL(draft_shares({powers(0.9, 31)}, learned(1)).front(), 0);
  CHECK_EQUAL(draft_shares({{0.01}}, learned(8)).front(), 0);
  CHECK_EQUAL(draft_shares({{}}, learned(8)).front(), 0);
  CHECK(draft_shares({}, learned(8)).empty());
  // Those that are likeliest, whosever they are; the others get a token each.
  CHECK(draft_shares({powers(0.3, 31), powers(0.98, 31), {}}, learned(8)) ==
        (std::vector<int>{0, 5, 0}));
}

TEST_CASE("draft shares: never more than fit, and the best that there is") {
  std::mt19937 random(5);
  std::uniform_real_distribution<double> some(0.05, 0.99);
  for (int round = 0; round < 200; ++round) {
    Chances chances(1 + random() % 40);
    for (auto &one : chances) {
      one = powers(some(random), static_cast<int>(random() % 31));
    }
    const StepCosts costs = learned(1 + static_cast<int>(random() % 40));
    const auto shares = draft_shares(chances, costs);
    CHECK_EQUAL(shares.size(), chances.size());
    const auto n_next = static_cast<int>(chances.size());
    CHECK(sum(shares) == 0 || n_next + sum(shares) <= StepCosts::most_tokens);
    const auto speed = [&](const std::vector<int> &taken) {
      double expected = n_next;
      for (std::size_t i = 0; i < taken.size(); ++i) {
        CHECK(static_cast<std::size_t>(taken[i]) <= chances[i].size());
        for (int j = 0; j < taken[i]; ++j) {
          expected += chances[i][static_cast<std::size_t>(j)];
        }
      }
      return expected / costs.of(n_next + sum(taken));
    };
    // Nobody else's tokens in place of somebody's are better, nor one more or less.
    for (std::size_t i = 0; i < shares.size() && sum(shares) > 0; ++i) {
      auto fewer = shares;
      if (fewer[i]-- > 0) {
        CHECK(speed(fewer) <= speed(shares) + 1e-9);
        for (std::size_t k = 0; k < shares.size(); ++k) {
          auto other = fewer;
          if (static_cast<std::size_t>(++other[k]) <= chances[k].size()) {
            CHECK(speed(other) <= speed(shares) + 1e-9);
          }
        }
      }
    }
  }
}
