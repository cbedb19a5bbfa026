// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "layout/results.h"

#include <array>
#include <cstdint>
#include <vector>

namespace ppocrvl::layout {

/// A region as the model says it, before any filter.
struct Region {
  std::int64_t label;       // index
  float score;              // 0 to 1
  std::array<float, 4> box; // x0, y0, x1, y1, pixels of the page; may reach out of it
  std::int64_t order;       // rank of its query in reading order
  std::int64_t query;
};

/// Transformers' post-processing: of all pairs of query and class the n_queries best, those below
/// the threshold left out, in reading order. A query may give several regions.
///
/// With `only_found_vote` a query that gives none has no say in the order. That is not official: it
/// helps a small model, of whose queries most found nothing and are nowhere on the page.
std::vector<Region> find_regions(const Results &results, std::int64_t n_labels, float threshold,
                                 std::int64_t page_width, std::int64_t page_height,
                                 bool only_found_vote);

} // namespace ppocrvl::layout
