// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace ppocrvl::layout {

/// x0, y0, x1, y1. In double precision: relations take logarithms of differences and then sines of
/// some thousand radians.
using Corners = std::array<double, 4>;

/// Where one box lies, seen from another, in sines and cosines of four logarithms: of the distances
/// of the centres, of the ratios of the sizes (docs/layout-format.md).
class Relation {
public:
  /// `frequencies` outlive this.
  Relation(const std::vector<float> &frequencies, float scale)
      : frequencies_(frequencies), scale_(static_cast<double>(scale)) {}

  [[nodiscard]] std::int64_t length() const {
    return 8 * static_cast<std::int64_t>(frequencies_.size());
  }

  /// Writes `length` numbers: of each logarithm the sines, then the cosines.
  void describe(const Corners &from, const Corners &to, float *out) const;

private:
  const std::vector<float> &frequencies_;
  double scale_;
};

} // namespace ppocrvl::layout
