// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "layout/feature_map.h"

#include <cstdint>

namespace ppocrvl::layout {

/// Some panels of a map twice as wide and high as `in`: each pixel four times.
void enlarge_nearest(const FeatureMap &in, const FeatureMap &out, std::int64_t first_panel,
                     std::int64_t n_panels);

/// Bilinear, as torch's interpolate with align_corners=False. `sum` adds to what is in `out`.
void enlarge_bilinear(const FeatureMap &in, const FeatureMap &out, bool sum,
                      std::int64_t first_panel, std::int64_t n_panels);

} // namespace ppocrvl::layout
