// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "layout/builder.h"
#include "layout/config.h"

#include <array>

namespace ppocrvl::layout {

/// Adds the query selection, the decoder and its heads to the program: from the encoder's levels to
/// logits, boxes and order logits in the results. `prototypes` is null without masks.
void build_decoder(Builder &build, const LayoutConfig &config,
                   const std::array<FeatureMap, LayoutConfig::n_levels> &levels,
                   const FeatureMap *prototypes);

} // namespace ppocrvl::layout
