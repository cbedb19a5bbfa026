// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "layout/builder.h"
#include "layout/config.h"

#include <array>

namespace ppocrvl::layout {

/// Adds the choice of queries to the program. `memories` are the encoder's levels after dec.proj;
/// `queries` gets the chosen tokens' memory, `references` their boxes as centre and size in 0..1.
/// `prototypes` is null without masks.
void build_query_selection(Builder &build, const LayoutConfig &config,
                           const std::array<FeatureMap, LayoutConfig::n_levels> &memories,
                           const FeatureMap *prototypes, const FeatureMap &queries,
                           const FeatureMap &references);

} // namespace ppocrvl::layout
