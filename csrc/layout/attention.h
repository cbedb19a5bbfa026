// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "layout/builder.h"

#include <cstdint>

namespace ppocrvl::layout {

/// Adds softmax(q k^T / sqrt(d_head)) v for each head to the program. All are lists of tokens with
/// the channels of one head after another.
void build_attention(Builder &build, const FeatureMap &queries, const FeatureMap &keys,
                     const FeatureMap &values, const FeatureMap &out, std::int64_t n_heads);

} // namespace ppocrvl::layout
