// SPDX-License-Identifier: Apache-2.0
#include "layout/order_tokens.h"
#include "layout/pointer.h"
#include "layout/relation.h"
#include "tests/check.h"
#include "tests/maps.h"

#include <cmath>
#include <cstdint>
#include <vector>

using namespace ppocrvl::layout;
using ppocrvl::test::is_near;
using ppocrvl::test::Numbers;
using ppocrvl::test::OwnMap;

namespace {

/// Four queries and two classes: the second and the fourth reach a threshold.
Results results_of_four() {
  Results results;
  results.logits = {-3, -4, 2, -1, -1, 0.9F, -5, 3};
  results.boxes = {
      0.1F, 0.1F, 0.1F, 0.1F, 0.5F,   0.25F, 0.25F, 0.125F,
      0.3F, 0.3F, 0.3F, 0.3F, 0.875F, 0.5F,  0.5F,  std::nanf(""),
  };
  return results;
}

} // namespace

TEST_CASE("layout order net: queries that take part come to the front") {
  Results results = results_of_four();
  const OrderTokens tokens = order_tokens(results, {0.8F, 0.9F});
  CHECK_EQUAL(tokens.n_queries, 2);
  CHECK(results.logits == (std::vector<float>{2, -1, -5, 3, -3, -4, -1, 0.9F}));
  CHECK_EQUAL(results.boxes[0], 0.5F);
  CHECK_EQUAL(results.boxes[4], 0.875F);
  CHECK_EQUAL(results.boxes[8], 0.1F);
  CHECK(tokens.labels == (std::vector<std::int64_t>{-1, 0, 1, 0, 0}));
  CHECK(tokens.boxes[0] == Corners{} && tokens.boxes[3] == Corners{} &&
        tokens.boxes[4] == Corners{});
  CHECK(tokens.boxes[1] == (Corners{375, 187.5, 625, 312.5}));
  CHECK_EQUAL(tokens.boxes[2][2], 1000.0); // is cut to the page
  CHECK_EQUAL(tokens.boxes[2][1], 0.0);    // was no number
  CHECK(tokens.kind(0) == OrderTokens::Kind::start && tokens.kind(2) == OrderTokens::Kind::query &&
        tokens.kind(3) == OrderTokens::Kind::end && tokens.kind(4) == OrderTokens::Kind::left_out);
  CHECK_EQUAL(tokens.of_query(1), 2);
  CHECK_EQUAL(tokens.of_query(2), 3);
  CHECK_EQUAL(tokens.of_query(3), 4);
}

TEST_CASE("layout order net: all or none of the queries take part") {
  Results all = results_of_four();
  const OrderTokens every = order_tokens(all, {0.0F, 0.0F});
  CHECK_EQUAL(every.n_queries, 4);
  CHECK_EQUAL(every.labels[5], -1); // the end stands for no query
  Results none = results_of_four();
  const OrderTokens empty = order_tokens(none, {1.0F, 1.0F});
  CHECK_EQUAL(empty.n_queries, 0);
  CHECK(empty.labels == (std::vector<std::int64_t>{-1, 0, 0}));
  CHECK_EQUAL(empty.of_query(0), 1);
  CHECK_EQUAL(empty.of_query(3), 2);
  CHECK(none.logits == results_of_four().logits);
}

TEST_CASE("layout order net: relations are sines and cosines of logarithms") {
  const std::vector<float> frequencies = {1.0F, 0.5F};
  const Relation relation(frequencies, 100.0F);
  CHECK_EQUAL(relation.length(), 16);
  std::vector<float> values(16);
  relation.describe({0, 0, 40, 10}, {100, 50, 100, 70}, values.data());
  const std::vector<double> logarithms = {
      std::log(80.0 / (40 + 1e-5) + 1),
      std::log(55.0 / (10 + 1e-5) + 1),
      std::log((40 + 1e-5) / (1e-3 + 1e-5)), // no box is narrower
      std::log((10 + 1e-5) / (20 + 1e-5)),
  };
  bool is_right = true;
  for (std::size_t i = 0; i < 4; ++i) {
    const double angle = 100 * logarithms[i];
    const std::vector<double> expected = {
        std::sin(angle),
        std::sin(angle / 2),
        std::cos(angle),
        std::cos(angle / 2),
    };
    for (std::size_t j = 0; j < 4; ++j) {
      is_right = is_right && is_near(static_cast<double>(values[4 * i + j]), expected[j]);
    }
  }
  CHECK(is_right);
}

TEST_CASE("layout order net: the pointer tells of each pair which comes first") {
  Numbers numbers(3);
  const OwnMap pointer(8, 3, 1, numbers);
  // The third and the fourth are the same token.
  const auto token_of = [](std::int64_t i) { return std::min<std::int64_t>(i, 2); };
  const std::vector<float> logits = pointer_logits(pointer.map, 4, token_of);
  bool is_right = true;
  for (std::int64_t i = 0; i < 4; ++i) {
    for (std::int64_t j = 0; j < 4; ++j) {
      double sum = 0;
      for (std::int64_t channel = 0; channel < 4; ++channel) {
        sum += static_cast<double>(pointer.map.at(channel, token_of(i))) *
               static_cast<double>(pointer.map.at(4 + channel, token_of(j)));
      }
      const double expected = i < j ? sum / 2 : -1e4;
      is_right =
          is_right &&
          is_near(static_cast<double>(logits[static_cast<std::size_t>(4 * i + j)]), expected);
    }
  }
  CHECK(is_right);
}
