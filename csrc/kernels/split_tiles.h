// SPDX-License-Identifier: Apache-2.0
//
// The innermost product of convolutions.h through tiles (tile_product.h). bfloat16 operands,
// float32 sums.
#pragma once

#include "kernels/band_products.h"
#include "kernels/bf16_pairs.h"
#include "kernels/scalar.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ppocrvl::kernels {

/// With two terms, a number is the sum of its nearest bfloat16 and the nearest of what is left: of
/// three products of terms, 2^-16 of the result is lost at most, and about 2^-18 on average.
template <typename Unit, std::int64_t n_terms> struct SplitTiles {
  using Operand = std::uint16_t;
  using Math = Scalar<SplitTiles>;
  using Pairs = Bf16Pairs<SplitTiles>;
  static constexpr std::int64_t group = 16;
  static constexpr std::int64_t pair = 2;
  static constexpr std::int64_t terms = n_terms;
  static constexpr std::int64_t step = 32;           // channels
  static constexpr std::int64_t tile = group * step; // operands; a number's terms side by side

  static void begin() { Unit::begin(); }
  static void end() { Unit::end(); }

  static void multiply(const Operand *weights, std::int64_t group_stride,
                       const BandOperand<Operand> &band, float *sums, std::int64_t n_rows,
                       bool add) {
    alignas(64) Operand copied[most_rows * panel_row];
    const Seen seen = aligned(band, copied);
    std::int64_t row = 0;
    for (; row + 2 * group <= n_rows; row += 2 * group) {
      groups<2>(weights + row / group * group_stride, group_stride, seen, sums + row * lanes, add);
    }
    if (row < n_rows) {
      groups<1>(weights + row / group * group_stride, group_stride, seen, sums + row * lanes, add);
    }
  }

  static void store_weight(Operand *to, std::int64_t row, std::int64_t column, float value) {
    Operand *place = to + column / step * tile * terms + row * step + column % step;
    float left = value;
    for (std::int64_t term = 0; term < terms; ++term) {
      const std::uint32_t bits = Math::rounded_to_bf16(left);
      place[term * tile] = static_cast<Operand>(bits >> 16U);
      left -= Math::float_of(bits);
    }
  }

  /// Two channels, 32 positions.
  static void store_pairs(Operand *to, std::int64_t term_stride, const float *even,
                          const float *odd) {
    if constexpr (terms == 1) {
      Pairs::store(to, even, odd);
    } else {
      Pairs::store_split(to, to + term_stride, even, odd);
    }
  }

private:
  static constexpr std::int64_t operand_bytes = sizeof(Operand);
  static constexpr std::int64_t tile_row = 64;            // bytes
  static constexpr std::int64_t sums_row = 2 * tile_row;  // bytes
  static constexpr std::int64_t panel_row = pair * lanes; // operands
  static constexpr std::int64_t most_rows = band_rows_at_once;

  /// Rows of a band, 16 at a time. Strides in operands.
  struct Seen {
    const Operand *first;
    std::int64_t n_steps;
    std::int64_t step_stride;
    std::int64_t row_stride;
    std::int64_t term_stride;
  };

  /// Loading a tile whose rows do not begin where lines of the cache do takes three times as long:
  /// such rows are copied first.
  static Seen aligned(const BandOperand<Operand> &band, Operand *copied) {
    if (band.n_places == 1 && reinterpret_cast<std::uintptr_t>(band.places[0]) % 64 == 0) {
      return {
          band.places[0],  band.depth / group, group * band.row_stride,
          band.row_stride, band.term_stride,
      };
    }
    Operand *to = copied;
    for (std::int64_t place = 0; place < band.n_places; ++place) {
      for (std::int64_t first = 0; first < band.depth; first += group) {
        for (std::int64_t term = 0; term < terms; ++term) {
          const Operand *from =
              band.places[place] + term * band.term_stride + first * band.row_stride;
          for (std::int64_t row = 0; row < group; ++row) {
            std::memcpy(to, from, panel_row * operand_bytes);
            to += panel_row;
            from += band.row_stride;
          }
        }
      }
    }
    return {
        copied,
        band.n_places * band.depth / group,
        terms * group * panel_row,
        panel_row,
        group * panel_row,
    };
  }

  template <int n_groups>
  static void groups(const Operand *weights, std::int64_t group_stride, const Seen &all,
                     float *sums, bool add) {
    constexpr std::int64_t lower = group * lanes;
    if (add) {
      Unit::template load<0>(sums, sums_row);
      Unit::template load<1>(sums + 16, sums_row);
      if constexpr (n_groups == 2) {
        Unit::template load<2>(sums + lower, sums_row);
        Unit::template load<3>(sums + lower + 16, sums_row);
      }
    } else {
      Unit::template zero<0>();
      Unit::template zero<1>();
      if constexpr (n_groups == 2) {
        Unit::template zero<2>();
        Unit::template zero<3>();
      }
    }
    const std::int64_t stride = all.row_stride * operand_bytes;
    const Operand *seen = all.first;
    for (std::int64_t i = 0; i < all.n_steps; ++i) {
      if constexpr (terms == 2) {
        load_weights<n_groups>(weights + tile, group_stride);
        load_seen(seen, stride);
        dots<n_groups>();
        load_weights<n_groups>(weights, group_stride);
        dots<n_groups>();
        load_seen(seen + all.term_stride, stride);
        dots<n_groups>();
      } else {
        load_weights<n_groups>(weights, group_stride);
        load_seen(seen, stride);
        dots<n_groups>();
      }
      weights += tile * terms;
      seen += all.step_stride;
    }
    Unit::template store<0>(sums, sums_row);
    Unit::template store<1>(sums + 16, sums_row);
    if constexpr (n_groups == 2) {
      Unit::template store<2>(sums + lower, sums_row);
      Unit::template store<3>(sums + lower + 16, sums_row);
    }
  }

  template <int n_groups>
  [[gnu::always_inline]] static void load_weights(const Operand *weights,
                                                  std::int64_t group_stride) {
    Unit::template load<4>(weights, tile_row);
    if constexpr (n_groups == 2) {
      Unit::template load<5>(weights + group_stride, tile_row);
    }
  }

  [[gnu::always_inline]] static void load_seen(const Operand *seen, std::int64_t stride) {
    Unit::template load<6>(seen, stride);
    Unit::template load<7>(seen + lanes, stride);
  }

  template <int n_groups> [[gnu::always_inline]] static void dots() {
    Unit::template dot<0, 4, 6>();
    Unit::template dot<1, 4, 7>();
    if constexpr (n_groups == 2) {
      Unit::template dot<2, 5, 6>();
      Unit::template dot<3, 5, 7>();
    }
  }
};

} // namespace ppocrvl::kernels
