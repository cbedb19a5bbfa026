// SPDX-License-Identifier: Apache-2.0
//
// Products through tiles: two groups of 16 rows, packed or as they lie in memory, with both halves
// of a panel. bfloat16 operands, float32 sums.
#pragma once

#include "kernels/bf16_formats.h"
#include "kernels/bf16_pairs.h"
#include "kernels/kernels.h"

#include <cstddef>
#include <cstdint>

namespace ppocrvl::kernels {

/// Products of tiles of 16 rows of 64 bytes, whose instructions `Unit` supplies: begin, end,
/// load<tile>, store<tile>, zero<tile> and dot<sum, rows, panel>, with strides in bytes.
template <typename Unit> struct TileProduct {
  using Operand = std::uint16_t;
  using Pairs = Bf16Pairs<TileProduct>;
  using Formats = Bf16Formats<TileProduct>;
  static constexpr bool has_tiles = true;
  static constexpr std::int64_t group = 16;
  static constexpr std::int64_t run = 32;
  static constexpr std::int64_t tile = group * run;       // operands
  static constexpr std::int64_t tile_row = 64;            // bytes
  static constexpr std::int64_t panel_row = 2 * tile_row; // bytes of two tiles side by side

  static void begin() { Unit::begin(); }
  static void end() { Unit::end(); }

  static void multiply(const Operand *a, std::int64_t a_stride, const Operand *b,
                       std::int64_t depth, float *c, std::int64_t rows, bool add) {
    const Tiles packed{
        reinterpret_cast<const std::byte *>(a),
        tile_row,
        tile * operand_bytes,
        a_stride * operand_bytes,
    };
    std::int64_t row = 0;
    for (; row + 2 * group <= rows; row += 2 * group) {
      two_groups(packed.group_at(row / group), b, depth, c + row * lanes, add, [](std::int64_t) {});
    }
    if (row < rows) {
      one_group(packed.group_at(row / group), b, depth, c + row * lanes, add);
    }
  }

  /// 32 rows as they lie in memory, so many bytes apart, whose depth is a multiple of 32. Calls
  /// `ahead` with the number of each 32 columns before they are read.
  template <typename Ahead>
  static void multiply_plain(const std::byte *rows, std::int64_t row_bytes, const Operand *b,
                             std::int64_t depth, float *c, Ahead ahead) {
    const Tiles plain{rows, row_bytes, tile_row, group * row_bytes};
    two_groups(plain, b, depth, c, false, ahead);
  }

private:
  static constexpr std::int64_t operand_bytes = sizeof(Operand);

  /// Where tiles lie: groups of 16 rows, each of them a tile every 32 columns. In bytes.
  struct Tiles {
    const std::byte *first;
    std::int64_t row_stride;
    std::int64_t tile_stride;
    std::int64_t group_stride;

    [[nodiscard]] Tiles group_at(std::int64_t index) const {
      return {first + index * group_stride, row_stride, tile_stride, group_stride};
    }
  };

  template <typename Ahead>
  static void two_groups(const Tiles &a, const Operand *b, std::int64_t depth, float *c, bool add,
                         Ahead ahead) {
    float *lower = c + group * lanes;
    if (add) {
      Unit::template load<0>(c, panel_row);
      Unit::template load<1>(c + 16, panel_row);
      Unit::template load<2>(lower, panel_row);
      Unit::template load<3>(lower + 16, panel_row);
    } else {
      Unit::template zero<0>();
      Unit::template zero<1>();
      Unit::template zero<2>();
      Unit::template zero<3>();
    }
    const std::byte *upper_rows = a.first;
    for (std::int64_t k = 0; k < depth; k += run) {
      ahead(k / run);
      Unit::template load<4>(upper_rows, a.row_stride);
      Unit::template load<6>(b, panel_row);
      Unit::template dot<0, 4, 6>();
      Unit::template load<7>(b + 32, panel_row);
      Unit::template dot<1, 4, 7>();
      Unit::template load<5>(upper_rows + a.group_stride, a.row_stride);
      Unit::template dot<2, 5, 6>();
      Unit::template dot<3, 5, 7>();
      upper_rows += a.tile_stride;
      b += run * lanes;
    }
    Unit::template store<0>(c, panel_row);
    Unit::template store<1>(c + 16, panel_row);
    Unit::template store<2>(lower, panel_row);
    Unit::template store<3>(lower + 16, panel_row);
  }

  static void one_group(const Tiles &a, const Operand *b, std::int64_t depth, float *c, bool add) {
    if (add) {
      Unit::template load<0>(c, panel_row);
      Unit::template load<1>(c + 16, panel_row);
    } else {
      Unit::template zero<0>();
      Unit::template zero<1>();
    }
    const std::byte *rows = a.first;
    for (std::int64_t k = 0; k < depth; k += run) {
      Unit::template load<4>(rows, a.row_stride);
      Unit::template load<6>(b, panel_row);
      Unit::template load<7>(b + 32, panel_row);
      Unit::template dot<0, 4, 6>();
      Unit::template dot<1, 4, 7>();
      rows += a.tile_stride;
      b += run * lanes;
    }
    Unit::template store<0>(c, panel_row);
    Unit::template store<1>(c + 16, panel_row);
  }
};

} // namespace ppocrvl::kernels
