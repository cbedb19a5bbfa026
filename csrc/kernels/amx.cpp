// SPDX-License-Identifier: Apache-2.0
//
// Kernels for CPUs with AMX: tiles of 16 rows of 64 bytes, products of bfloat16 tiles.
#include "kernels/half_pairs.h"
#include "kernels/panel_kernels.h"
#include "kernels/tables.h"

namespace ppocrvl::kernels {
namespace {

// Instructions by name: GCC's intrinsics before version 14 leave out that ldtilecfg reads 64 bytes
// and that tiles are loaded from and stored to memory.
// NOLINTBEGIN(cppcoreguidelines-macro-usage): the number of a tile is part of the instruction.
#define PPOCRVL_TILE_LOAD(tile, from, stride)                                                      \
  asm volatile("tileloadd (%0,%1,1), %%tmm" #tile::"r"(from), "r"(stride) : "memory")
#define PPOCRVL_TILE_STORE(tile, to, stride)                                                       \
  asm volatile("tilestored %%tmm" #tile ", (%1,%2,1)"                                              \
               : "=m"(*(to))                                                                       \
               : "r"(to), "r"(stride)                                                              \
               : "memory")
#define PPOCRVL_TILE_ZERO(tile) asm volatile("tilezero %tmm" #tile)
#define PPOCRVL_TILE_DOT(sum, rows, panel)                                                         \
  asm volatile("tdpbf16ps %tmm" #panel ", %tmm" #rows ", %tmm" #sum)
// NOLINTEND(cppcoreguidelines-macro-usage)

struct alignas(64) TileShapes {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

struct AmxProduct {
  using Operand = std::uint16_t;
  static constexpr bool has_tiles = true;
  static constexpr std::int64_t group = 16;
  static constexpr std::int64_t run = 32;
  static constexpr std::int64_t tile = group * run;       // operands
  static constexpr std::int64_t tile_row = 64;            // bytes
  static constexpr std::int64_t panel_row = 2 * tile_row; // bytes of two tiles side by side

  static void begin() {
    static constexpr TileShapes shapes{};
    asm volatile("ldtilecfg %0" ::"m"(shapes));
  }

  static void end() { asm volatile("tilerelease"); }

  static void store_pair(Operand *to, const float *even, const float *odd) {
    HalfPairs<AmxProduct>::store(to, even, odd);
  }

  static void multiply(const Operand *a, std::int64_t a_stride, const Operand *b,
                       std::int64_t depth, float *c, std::int64_t rows, bool add) {
    std::int64_t row = 0;
    for (; row + 2 * group <= rows; row += 2 * group) {
      two_groups(a + row / group * a_stride, a_stride, b, depth, c + row * lanes, add);
    }
    if (row < rows) {
      one_group(a + row / group * a_stride, b, depth, c + row * lanes, add);
    }
  }

private:
  // NOLINTBEGIN(misc-const-correctness,readability-non-const-parameter): assembly writes through c.
  static void two_groups(const Operand *a, std::int64_t a_stride, const Operand *b,
                         std::int64_t depth, float *c, bool add) {
    float *lower = c + group * lanes;
    if (add) {
      PPOCRVL_TILE_LOAD(0, c, panel_row);
      PPOCRVL_TILE_LOAD(1, c + 16, panel_row);
      PPOCRVL_TILE_LOAD(2, lower, panel_row);
      PPOCRVL_TILE_LOAD(3, lower + 16, panel_row);
    } else {
      PPOCRVL_TILE_ZERO(0);
      PPOCRVL_TILE_ZERO(1);
      PPOCRVL_TILE_ZERO(2);
      PPOCRVL_TILE_ZERO(3);
    }
    for (std::int64_t k = 0; k < depth; k += run) {
      PPOCRVL_TILE_LOAD(4, a, tile_row);
      PPOCRVL_TILE_LOAD(6, b, panel_row);
      PPOCRVL_TILE_DOT(0, 4, 6);
      PPOCRVL_TILE_LOAD(7, b + 32, panel_row);
      PPOCRVL_TILE_DOT(1, 4, 7);
      PPOCRVL_TILE_LOAD(5, a + a_stride, tile_row);
      PPOCRVL_TILE_DOT(2, 5, 6);
      PPOCRVL_TILE_DOT(3, 5, 7);
      a += tile;
      b += run * lanes;
    }
    PPOCRVL_TILE_STORE(0, c, panel_row);
    PPOCRVL_TILE_STORE(1, c + 16, panel_row);
    PPOCRVL_TILE_STORE(2, lower, panel_row);
    PPOCRVL_TILE_STORE(3, lower + 16, panel_row);
  }

  static void one_group(const Operand *a, const Operand *b, std::int64_t depth, float *c,
                        bool add) {
    if (add) {
      PPOCRVL_TILE_LOAD(0, c, panel_row);
      PPOCRVL_TILE_LOAD(1, c + 16, panel_row);
    } else {
      PPOCRVL_TILE_ZERO(0);
      PPOCRVL_TILE_ZERO(1);
    }
    for (std::int64_t k = 0; k < depth; k += run) {
      PPOCRVL_TILE_LOAD(4, a, tile_row);
      PPOCRVL_TILE_LOAD(6, b, panel_row);
      PPOCRVL_TILE_LOAD(7, b + 32, panel_row);
      PPOCRVL_TILE_DOT(0, 4, 6);
      PPOCRVL_TILE_DOT(1, 4, 7);
      a += tile;
      b += run * lanes;
    }
    PPOCRVL_TILE_STORE(0, c, panel_row);
    PPOCRVL_TILE_STORE(1, c + 16, panel_row);
  }
  // NOLINTEND(misc-const-correctness,readability-non-const-parameter)
};

} // namespace

const Kernels amx = PanelKernels<AmxProduct>::table("amx");

} // namespace ppocrvl::kernels
