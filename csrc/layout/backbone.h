// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "layout/builder.h"
#include "layout/config.h"

#include <array>

namespace ppocrvl::layout {

/// Adds HGNetV2's stages to the program. `pixels` has three channels; `stages` are the outputs,
/// with strides 4, 8, 16 and 32.
void build_backbone(Builder &build, const LayoutConfig &config, const FeatureMap &pixels,
                    const std::array<FeatureMap, LayoutConfig::n_stages> &stages);

} // namespace ppocrvl::layout
