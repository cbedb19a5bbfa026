// SPDX-License-Identifier: Apache-2.0
#include "layout/selection.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>

namespace ppocrvl::layout {

std::vector<std::int64_t> largest(const std::vector<float> &scores, std::int64_t count) {
  const auto score = [&scores](std::int64_t index) {
    const float value = scores[static_cast<std::size_t>(index)];
    return std::isnan(value) ? -std::numeric_limits<float>::infinity() : value;
  };
  std::vector<std::int64_t> indices(scores.size());
  std::iota(indices.begin(), indices.end(), std::int64_t{0});
  std::partial_sort(indices.begin(), indices.begin() + count, indices.end(),
                    [&score](std::int64_t a, std::int64_t b) {
                      const float one = score(a);
                      const float other = score(b);
                      return one > other || (one == other && a < b);
                    });
  indices.resize(static_cast<std::size_t>(count));
  return indices;
}

std::vector<std::int64_t> reading_order(const std::vector<float> &logits, std::int64_t n,
                                        const std::vector<bool> &votes) {
  std::vector<float> fewest_first(static_cast<std::size_t>(n)); // votes, negated
  for (std::int64_t j = 0; j < n; ++j) {
    double before = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      if (i != j && votes[static_cast<std::size_t>(i)]) {
        const double logit = logits[static_cast<std::size_t>(i < j ? i * n + j : j * n + i)];
        before += 1.0 / (1.0 + std::exp(i < j ? -logit : logit));
      }
    }
    fewest_first[static_cast<std::size_t>(j)] = static_cast<float>(-before);
  }
  const std::vector<std::int64_t> order = largest(fewest_first, n);
  std::vector<std::int64_t> ranks(static_cast<std::size_t>(n));
  for (std::int64_t rank = 0; rank < n; ++rank) {
    ranks[static_cast<std::size_t>(order[static_cast<std::size_t>(rank)])] = rank;
  }
  return ranks;
}

} // namespace ppocrvl::layout
