// SPDX-License-Identifier: Apache-2.0
#include "layout/relation.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace ppocrvl::layout {

void Relation::describe(const Corners &from, const Corners &to, float *out) const {
  constexpr double epsilon = 1e-5;
  constexpr double least_size = 1e-3;
  std::array<double, 4> values{}; // distances, then ratios
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const double size = std::max(from[axis + 2] - from[axis], least_size) + epsilon;
    const double other = std::max(to[axis + 2] - to[axis], least_size) + epsilon;
    const double distance = std::abs(from[axis] + from[axis + 2] - to[axis] - to[axis + 2]) * 0.5;
    values[axis] = std::log(distance / size + 1.0);
    values[axis + 2] = std::log(size / other);
  }
  const std::size_t n = frequencies_.size();
  for (const double value : values) {
    for (std::size_t i = 0; i < n; ++i) {
      const double angle = value * scale_ * static_cast<double>(frequencies_[i]);
      out[i] = static_cast<float>(std::sin(angle));
      out[n + i] = static_cast<float>(std::cos(angle));
    }
    out += 2 * n;
  }
}

} // namespace ppocrvl::layout
