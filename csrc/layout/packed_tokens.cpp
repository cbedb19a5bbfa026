// SPDX-License-Identifier: Apache-2.0
#include "layout/packed_tokens.h"

#include "kernels/map_kernels.h"

namespace ppocrvl::layout {

void pack_tokens(const FeatureMap &tokens, std::int64_t first_channel, std::int64_t n_channels,
                 float scale, float *packed) {
  const std::int64_t n_tokens = tokens.n_pixels();
  for (std::int64_t first = 0; first < n_tokens; first += kernels::map_group) {
    for (std::int64_t channel = 0; channel < n_channels; ++channel) {
      for (std::int64_t i = 0; i < kernels::map_group; ++i) {
        const std::int64_t token = first + i;
        *packed++ = token < n_tokens ? tokens.at(first_channel + channel, token) * scale : 0.0F;
      }
    }
  }
}

} // namespace ppocrvl::layout
