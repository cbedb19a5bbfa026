// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "schedule/step_costs.h"

#include <vector>

namespace ppocrvl {

/// How many drafted tokens of each sequence go with a step, so that tokens of answers come fastest:
/// of all the likeliest, as long as what they are likely to win is worth what they cost.
///
/// `chances`: of each sequence that decodes, how likely each drafted token is to be reached and
/// right; they fall. At most `StepCosts::most_tokens` tokens in all, the next of each included.
std::vector<int> draft_shares(const std::vector<std::vector<double>> &chances,
                              const StepCosts &costs);

} // namespace ppocrvl
