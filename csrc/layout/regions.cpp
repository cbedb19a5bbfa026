// SPDX-License-Identifier: Apache-2.0
#include "layout/regions.h"

#include "layout/selection.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <tuple>

namespace ppocrvl::layout {

std::vector<Region> find_regions(const Results &results, std::int64_t n_labels, float threshold,
                                 std::int64_t page_width, std::int64_t page_height,
                                 bool only_found_vote) {
  const auto n_queries = static_cast<std::int64_t>(results.boxes.size()) / 4;
  std::vector<float> scores;
  scores.reserve(results.logits.size());
  for (const float logit : results.logits) {
    scores.push_back(1.0F / (1.0F + std::exp(-logit)));
  }
  const std::array<float, 2> size{static_cast<float>(page_width), static_cast<float>(page_height)};
  std::vector<Region> regions;
  std::vector<bool> votes(static_cast<std::size_t>(n_queries), !only_found_vote);
  for (const std::int64_t index : largest(scores, n_queries)) {
    const float score = scores[static_cast<std::size_t>(index)];
    if (!(score >= threshold)) {
      continue;
    }
    const std::int64_t query = index / n_labels;
    const float *box = results.boxes.data() + 4 * query;
    Region region{index % n_labels, score, {}, 0, query};
    for (std::size_t i = 0; i < size.size(); ++i) {
      region.box[i] = (box[i] - 0.5F * box[i + 2]) * size[i];
      region.box[i + 2] = (box[i] + 0.5F * box[i + 2]) * size[i];
    }
    regions.push_back(region);
    votes[static_cast<std::size_t>(query)] = true;
  }
  const std::vector<std::int64_t> ranks = reading_order(results.order_logits, n_queries, votes);
  for (Region &region : regions) {
    region.order = ranks[static_cast<std::size_t>(region.query)];
  }
  // A query's regions have the same rank.
  std::sort(regions.begin(), regions.end(), [](const Region &a, const Region &b) {
    return std::tuple(a.order, -a.score, a.label) < std::tuple(b.order, -b.score, b.label);
  });
  return regions;
}

} // namespace ppocrvl::layout
