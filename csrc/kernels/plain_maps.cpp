// SPDX-License-Identifier: Apache-2.0
#include "kernels/plain_maps.h"

#include "kernels/map_panels.h"

namespace ppocrvl::kernels {
namespace {

/// As VectorProduct, in the compiler's own vectors.
struct PlainProduct {
  static constexpr std::int64_t group = 8;
  static constexpr std::int64_t run = 1;

  static void multiply(const float *a, std::int64_t a_stride, const float *b, std::int64_t depth,
                       float *c, std::int64_t rows, bool add) {
    for (std::int64_t row = 0; row < rows; ++row) {
      const float *weights = a + row / group * a_stride + row % group;
      float sums[lanes] = {};
      if (add) {
        std::memcpy(sums, c + row * lanes, sizeof sums);
      }
      for (std::int64_t column = 0; column < depth; ++column) {
        const float weight = weights[column * group];
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
          sums[lane] += weight * b[column * lanes + lane];
        }
      }
      std::memcpy(c + row * lanes, sums, sizeof sums);
    }
  }
};

} // namespace

const MapKernels plain_maps = MapPanels<PlainProduct>::table("plain");

} // namespace ppocrvl::kernels
