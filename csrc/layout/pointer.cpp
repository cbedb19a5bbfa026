// SPDX-License-Identifier: Apache-2.0
#include "layout/pointer.h"

#include <cmath>
#include <cstddef>

namespace ppocrvl::layout {

std::vector<float> pointer_logits(const FeatureMap &pointer, std::int64_t n,
                                  const std::function<std::int64_t(std::int64_t)> &token_of) {
  constexpr float no_pair = -1e4F;
  const std::int64_t length = pointer.n_channels / 2;
  const float root = std::sqrt(static_cast<float>(length));
  std::vector<float> logits(static_cast<std::size_t>(n * n), no_pair);
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t first = token_of(i);
    for (std::int64_t j = i + 1; j < n; ++j) {
      const std::int64_t second = token_of(j);
      float sum = 0.0F;
      for (std::int64_t channel = 0; channel < length; ++channel) {
        sum += pointer.at(channel, first) * pointer.at(length + channel, second);
      }
      logits[static_cast<std::size_t>(i * n + j)] = sum / root;
    }
  }
  return logits;
}

} // namespace ppocrvl::layout
