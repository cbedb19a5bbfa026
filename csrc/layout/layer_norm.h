// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "layout/feature_map.h"

#include <cstdint>

namespace ppocrvl::layout {

/// LayerNorm over the channels of each pixel of some panels. `out` may be `in`.
void layer_norm(const FeatureMap &in, const FeatureMap &out, const float *weight, const float *bias,
                float epsilon, std::int64_t first_panel, std::int64_t n_panels);

} // namespace ppocrvl::layout
