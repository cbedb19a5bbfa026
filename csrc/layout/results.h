// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "layout/feature_map.h"
#include "support/trace.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace ppocrvl::layout {

/// Stages by name, in the order in which they were computed.
using Stages = std::vector<std::pair<std::string, Array>>;

/// What a page's steps leave. Kept between pages, so that they allocate little.
struct Results {
  std::vector<float> scores;          // of all tokens: their best class
  std::vector<std::int64_t> selected; // tokens that became queries, best first
  std::vector<float> logits;          // [n_queries][n_labels]
  std::vector<float> boxes;           // [n_queries][4]: centre and size, 0..1
  std::vector<float> mask_queries;    // [n_queries][n_prototypes], of a model with masks
  std::vector<float> order_logits;    // [n_queries][n_queries]
  Stages *stages = nullptr;           // null: none are kept
};

/// Numbers of a map as [channels, height, width].
Array map_array(const FeatureMap &map);

/// Numbers of tokens as [tokens, channels].
Array token_array(const FeatureMap &map);

} // namespace ppocrvl::layout
