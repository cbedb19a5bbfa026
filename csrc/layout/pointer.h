// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "layout/feature_map.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace ppocrvl::layout {

/// Each pair's logit that the first comes before the second, [n][n], from the global pointer's
/// outputs: half of the channels for the first, half for the second, scaled by the root of their
/// number. Where the second does not stand behind the first: -10000. `token_of` gives the token of
/// each of the n.
std::vector<float> pointer_logits(const FeatureMap &pointer, std::int64_t n,
                                  const std::function<std::int64_t(std::int64_t)> &token_of);

} // namespace ppocrvl::layout
