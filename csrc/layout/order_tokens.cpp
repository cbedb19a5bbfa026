// SPDX-License-Identifier: Apache-2.0
#include "layout/order_tokens.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace ppocrvl::layout {
namespace {

/// The rows of a list, in another order.
void arrange(std::vector<float> &rows, std::size_t length, const std::vector<std::size_t> &order) {
  std::vector<float> arranged;
  arranged.reserve(rows.size());
  for (const std::size_t row : order) {
    const auto first = rows.begin() + static_cast<std::ptrdiff_t>(row * length);
    arranged.insert(arranged.end(), first, first + static_cast<std::ptrdiff_t>(length));
  }
  rows = std::move(arranged);
}

/// What is no number becomes 0.
double per_mille(double value) {
  const double scaled = value * 1000.0;
  return scaled > 0.0 ? std::min(scaled, 1000.0) : 0.0;
}

Corners corners_of(const float *box) {
  Corners corners{};
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const auto centre = static_cast<double>(box[axis]);
    const auto half = 0.5 * static_cast<double>(box[axis + 2]);
    corners[axis] = per_mille(centre - half);
    corners[axis + 2] = per_mille(centre + half);
  }
  return corners;
}

} // namespace

OrderTokens::Kind OrderTokens::kind(std::int64_t token) const {
  if (token == 0) {
    return Kind::start;
  }
  if (token <= n_queries) {
    return Kind::query;
  }
  return token == n_queries + 1 ? Kind::end : Kind::left_out;
}

std::int64_t OrderTokens::of_query(std::int64_t index) const {
  return std::min(index + 1, n_queries + 2);
}

OrderTokens order_tokens(Results &results, const std::vector<float> &thresholds) {
  const std::size_t n_labels = thresholds.size();
  const std::size_t n_queries = results.logits.size() / n_labels;
  std::vector<std::size_t> best(n_queries);
  for (std::size_t query = 0; query < n_queries; ++query) {
    const float *logits = results.logits.data() + query * n_labels;
    best[query] = static_cast<std::size_t>(std::max_element(logits, logits + n_labels) - logits);
  }
  std::vector<std::size_t> order;
  std::vector<std::size_t> left_out;
  order.reserve(n_queries);
  left_out.reserve(n_queries);
  for (std::size_t query = 0; query < n_queries; ++query) {
    const float logit = results.logits[query * n_labels + best[query]];
    const bool takes_part = 1.0F / (1.0F + std::exp(-logit)) >= thresholds[best[query]];
    (takes_part ? order : left_out).push_back(query);
  }
  const std::size_t n_taken = order.size();
  order.insert(order.end(), left_out.begin(), left_out.end());
  arrange(results.logits, n_labels, order);
  arrange(results.boxes, 4, order);

  OrderTokens tokens;
  tokens.n_queries = static_cast<std::int64_t>(n_taken);
  tokens.boxes.assign(static_cast<std::size_t>(tokens.count()), Corners{});
  tokens.labels.assign(static_cast<std::size_t>(tokens.count()), 0);
  tokens.labels.front() = -1;
  for (std::size_t i = 0; i < n_taken; ++i) {
    tokens.boxes[i + 1] = corners_of(results.boxes.data() + 4 * i);
    tokens.labels[i + 1] = static_cast<std::int64_t>(best[order[i]]);
  }
  if (left_out.empty()) {
    tokens.labels[n_taken + 1] = -1;
  }
  return tokens;
}

} // namespace ppocrvl::layout
