// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace ppocrvl::layout {

/// Indices of the `count` largest scores, largest first; of equal ones the first. What is no number
/// comes last.
std::vector<std::int64_t> largest(const std::vector<float> &scores, std::int64_t count);

/// Ranks 0 to n - 1 of n elements in reading order by each pair's logit [n][n], of which those with
/// i < j count: that i comes before j. Each element has as many votes as voters come before it; of
/// equally many the first is first. Officially all n elements vote.
std::vector<std::int64_t> reading_order(const std::vector<float> &logits, std::int64_t n,
                                        const std::vector<bool> &votes);

} // namespace ppocrvl::layout
