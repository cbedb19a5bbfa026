// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "layout/config.h"
#include "layout/relation.h"
#include "layout/results.h"

#include <cstdint>
#include <vector>

namespace ppocrvl::layout {

/// The tokens of V2's order net: the start, the queries that take part, the end, and one for all
/// queries that are left out, which are alike. The others do not attend to this last one.
struct OrderTokens {
  enum class Kind : std::int64_t { start, query, end, left_out };

  std::int64_t n_queries = 0; // that take part
  std::vector<Corners> boxes; // 0 to 1000; of start, end and left out all zeros
  std::vector<std::int64_t> labels;

  [[nodiscard]] std::int64_t count() const { return n_queries + 3; }
  [[nodiscard]] Kind kind(std::int64_t token) const;

  /// The token from which a query's order logits are taken: that of the end stands for the first
  /// query that is left out, as in transformers.
  [[nodiscard]] std::int64_t of_query(std::int64_t index) const;
};

/// Brings the queries that take part to the front of `results`, in their order: those whose best
/// class reaches its threshold. Label of a token: its query's best class, 0 for those that are left
/// out and so for the end, -1 for what has none.
OrderTokens order_tokens(Results &results, const std::vector<float> &thresholds);

} // namespace ppocrvl::layout
