// SPDX-License-Identifier: Apache-2.0
#include "kernels/plain_maps.h"

#include "kernels/band_products.h"
#include "kernels/convolutions.h"
#include "kernels/map_panels.h"

namespace ppocrvl::kernels {
namespace {

/// As BandVectors, in the compiler's own vectors.
struct PlainProduct {
  using Operand = float;
  static constexpr std::int64_t group = map_group;
  static constexpr std::int64_t pair = 1;
  static constexpr std::int64_t terms = 1;
  static constexpr std::int64_t step = 1;

  static void begin() {}
  static void end() {}

  static void multiply(const float *weights, std::int64_t group_stride,
                       const BandOperand<float> &band, float *out, std::int64_t n_rows, bool add) {
    for (std::int64_t row = 0; row < n_rows; ++row) {
      const float *of_row = weights + row / group * group_stride + row % group;
      float sums[lanes] = {};
      if (add) {
        std::memcpy(sums, out + row * lanes, sizeof sums);
      }
      for (std::int64_t place = 0; place < band.n_places; ++place) {
        for (std::int64_t i = 0; i < band.depth; ++i) {
          const float *seen = band.places[place] + i * band.row_stride;
          const float weight = of_row[(place * band.depth + i) * group];
          for (std::int64_t lane = 0; lane < lanes; ++lane) {
            sums[lane] += weight * seen[lane];
          }
        }
      }
      std::memcpy(out + row * lanes, sums, sizeof sums);
    }
  }

  static void store_weight(float *to, std::int64_t row, std::int64_t column, float value) {
    to[column * group + row] = value;
  }
};

} // namespace

const MapKernels plain_maps =
    MapPanels<PlainProduct>::table("plain", Convolutions<PlainProduct>::table("plain"));

} // namespace ppocrvl::kernels
