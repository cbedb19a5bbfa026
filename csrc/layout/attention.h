// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "layout/builder.h"

#include <cstdint>
#include <memory>

namespace ppocrvl::layout {

/// What is added to the scores of tokens that attend to each other, of which there are more or
/// fewer from page to page.
struct AttentionBias {
  float *values; // [head][panel of queries][key, as many as may be][lane]
  std::shared_ptr<const std::int64_t> n_tokens;
};

/// Adds softmax(q k^T / sqrt(d_head) + bias) v for each head to the program. All are lists of
/// tokens with the channels of one head after another. No `bias`: nothing is added, and all tokens
/// of the maps count.
void build_attention(Builder &build, const FeatureMap &queries, const FeatureMap &keys,
                     const FeatureMap &values, const FeatureMap &out, std::int64_t n_heads,
                     const AttentionBias *bias = nullptr);

} // namespace ppocrvl::layout
