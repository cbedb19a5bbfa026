// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "layout/builder.h"

namespace ppocrvl::layout {

/// Adds the boxes of queries' masks to the program: of where mask query * prototypes is above zero.
/// The masks themselves, which take n_queries * W/4 * H/4 numbers, are never put together.
/// `references` gets sigmoid(inverse_sigmoid(box)).
void build_mask_boxes(Builder &build, const FeatureMap &mask_queries, const FeatureMap &prototypes,
                      const FeatureMap &references);

/// Adds the masks as a stage, if any are kept: [n_queries, height, width].
void keep_masks(Builder &build, const std::string &name, const FeatureMap &mask_queries,
                const FeatureMap &prototypes);

} // namespace ppocrvl::layout
