// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "layout/builder.h"
#include "layout/config.h"

#include <array>

namespace ppocrvl::layout {

/// Adds the hybrid encoder (AIFI, FPN, PAN) to the program: from the backbone's stages to `levels`
/// of `encoder_length` channels with strides 8, 16 and 32.
void build_hybrid_encoder(Builder &build, const LayoutConfig &config,
                          const std::array<FeatureMap, LayoutConfig::n_stages> &stages,
                          const std::array<FeatureMap, LayoutConfig::n_levels> &levels);

/// Adds the mask branch: from the encoder's levels and the backbone's first stage to prototypes of
/// stride 4.
void build_prototypes(Builder &build, const LayoutConfig &config, const FeatureMap &first_stage,
                      const std::array<FeatureMap, LayoutConfig::n_levels> &levels,
                      const FeatureMap &prototypes);

} // namespace ppocrvl::layout
