// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "layout/feature_map.h"

#include <cstdint>

namespace ppocrvl::layout {

/// Tokens as packed rows of a product (kernels::MapKernels), one a token with some channels, each
/// times `scale`.
void pack_tokens(const FeatureMap &tokens, std::int64_t first_channel, std::int64_t n_channels,
                 float scale, float *packed);

} // namespace ppocrvl::layout
