// SPDX-License-Identifier: Apache-2.0
#include "tests/check.h"
#include "text/sampler.h"

#include <cmath>
#include <limits>
#include <vector>

using ppocrvl::choose_greedily;
using ppocrvl::ErrorKind;

TEST_CASE("sampler: the most likely token and its log-probability") {
  const std::vector<float> logits = {0.0F, std::log(3.0F), 0.0F};
  const auto choice = choose_greedily(logits.data(), logits.size());
  CHECK_EQUAL(choice.token, 1);
  CHECK(std::abs(choice.logprob - std::log(0.6)) < 1e-7);
}

TEST_CASE("sampler: the first of equals wins") {
  const std::vector<float> logits = {1.0F, 2.0F, 2.0F};
  CHECK_EQUAL(choose_greedily(logits.data(), logits.size()).token, 1);
}

TEST_CASE("sampler: large logits do not overflow") {
  const std::vector<float> logits = {3e38F, -3e38F, -std::numeric_limits<float>::infinity()};
  const auto choice = choose_greedily(logits.data(), logits.size());
  CHECK_EQUAL(choice.token, 0);
  CHECK_EQUAL(choice.logprob, 0.0);
}

TEST_CASE("sampler: what is no number is refused") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  for (const auto &logits : {
           std::vector<float>{nan, 1.0F},
           std::vector<float>{1.0F, nan},
           std::vector<float>{inf, 1.0F},
           std::vector<float>{-inf, -inf},
       }) {
    CHECK_THROWS_KIND(ErrorKind::engine, choose_greedily(logits.data(), logits.size()));
  }
}

TEST_CASE("sampler: only what the filter lets through") {
  const std::vector<float> logits = {0.0F, 2.0F, 1.0F};
  const auto model_less = [&](const ppocrvl::TokenFilter &allowed) {
    return ppocrvl::choose_among(logits.data(), logits.size(), allowed);
  };
  const auto second = model_less([](std::int32_t token) { return token != 1; });
  CHECK_EQUAL(second.token, 2);
  // The probability is the model's, not that among what is left.
  CHECK(std::abs(second.logprob - (1.0 - std::log(1.0 + std::exp(2.0) + std::exp(1.0)))) < 1e-6);
  CHECK_THROWS_KIND(ErrorKind::engine, model_less([](std::int32_t) { return false; }));
}
