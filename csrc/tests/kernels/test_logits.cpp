// SPDX-License-Identifier: Apache-2.0
#include "kernels/kernels.h"
#include "kernels/logits.h"
#include "tests/check.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace ppocrvl::kernels;

namespace {

std::vector<std::pair<std::string, LogitKernels>> all() {
  std::vector<std::pair<std::string, LogitKernels>> found = {
      {"any CPU", Logits<struct InTest>::table()},
      {"chosen", logit_kernels()},
  };
  for (const Kernels &kernels : available()) {
    found.emplace_back(kernels.vision->name, *kernels.logits);
  }
  return found;
}

std::vector<float> random_logits(std::size_t count) {
  std::mt19937 random(static_cast<std::uint32_t>(count));
  std::normal_distribution<float> normal(0.0F, 5.0F);
  std::vector<float> logits(count);
  std::generate(logits.begin(), logits.end(), [&] { return normal(random); });
  return logits;
}

std::int64_t size_of(const std::vector<float> &logits) {
  return static_cast<std::int64_t>(logits.size());
}

constexpr std::size_t sizes[] = {1, 2, 63, 64, 65, 129, 4096, 4097, 103424};

} // namespace

TEST_CASE("logits: the first of the highest, wherever it is") {
  for (const auto &[name, kernels] : all()) {
    for (const std::size_t size : sizes) {
      std::vector<float> logits = random_logits(size);
      const float highest = *std::max_element(logits.begin(), logits.end());
      for (const std::size_t first : {std::size_t{0}, size / 2, size - 1}) {
        std::vector<float> changed = logits;
        changed[first] = highest + 1.0F;
        changed[size - 1] = highest + 1.0F;
        CHECK_EQUAL(kernels.index_of_highest(changed.data(), size_of(changed)),
                    static_cast<std::int64_t>(first));
      }
    }
  }
}

TEST_CASE("logits: the highest among equals, below zero or without end") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for (const auto &[name, kernels] : all()) {
    for (const auto &[others, highest] : {
             std::pair{-5.0F, -3.0F},
             std::pair{-infinity, -1e30F},
             std::pair{0.0F, infinity},
         }) {
      std::vector<float> logits(200, others);
      CHECK_EQUAL(kernels.index_of_highest(logits.data(), size_of(logits)), 0);
      logits[150] = highest;
      CHECK_EQUAL(kernels.index_of_highest(logits.data(), size_of(logits)), 150);
    }
  }
}

TEST_CASE("logits: an index there is even among NaN") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const auto &[name, kernels] : all()) {
    for (const std::size_t at : {0U, 5U, 64U, 199U}) {
      std::vector<float> logits = random_logits(200);
      logits[at] = nan;
      const std::int64_t found = kernels.index_of_highest(logits.data(), size_of(logits));
      CHECK(found >= 0 && found < size_of(logits));
      CHECK(std::isnan(kernels.sum_of_exponentials(logits.data(), size_of(logits), 1.0F)));
    }
  }
}

TEST_CASE("logits: the sum of exponentials is that of double precision") {
  for (const auto &[name, kernels] : all()) {
    for (const std::size_t size : sizes) {
      const std::vector<float> logits = random_logits(size);
      const float highest = *std::max_element(logits.begin(), logits.end());
      double expected = 0.0;
      for (const float logit : logits) {
        expected += std::exp(static_cast<double>(logit) - static_cast<double>(highest));
      }
      const double sum = kernels.sum_of_exponentials(logits.data(), size_of(logits), highest);
      CHECK(std::abs(sum - expected) < 1e-6 * expected);
    }
  }
}
