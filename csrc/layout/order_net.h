// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "layout/builder.h"
#include "layout/config.h"

namespace ppocrvl::layout {

/// Adds V2's order net to the program: from the results' logits and boxes, whose rows it arranges
/// (OrderTokens), to their order logits. It computes as many tokens as take part.
void build_order_net(Builder &whole, const LayoutConfig &config);

} // namespace ppocrvl::layout
