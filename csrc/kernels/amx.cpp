// SPDX-License-Identifier: Apache-2.0
//
// Kernels for CPUs with AMX: tiles of 16 rows of 64 bytes, products of bfloat16 tiles.
#include "kernels/convolutions.h"
#include "kernels/few_queries.h"
#include "kernels/panel_kernels.h"
#include "kernels/split_tiles.h"
#include "kernels/tables.h"
#include "kernels/tile_product.h"

namespace ppocrvl::kernels {
namespace {

struct alignas(64) TileShapes {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

/// Instructions by name: GCC's intrinsics before version 14 leave out that ldtilecfg reads 64 bytes
/// and that tiles are loaded from and stored to memory.
struct AmxUnit {
  static void begin() {
    static constexpr TileShapes shapes{};
    asm volatile("ldtilecfg %0" ::"m"(shapes));
  }

  static void end() { asm volatile("tilerelease"); }

  template <int tile>
  [[gnu::always_inline]] static void load(const void *from, std::int64_t stride) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(tile) : "memory");
  }

  template <int tile> [[gnu::always_inline]] static void store(void *to, std::int64_t stride) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(stride), "i"(tile) : "memory");
  }

  template <int tile> [[gnu::always_inline]] static void zero() {
    asm volatile("tilezero %%tmm%c0" ::"i"(tile));
  }

  template <int sum, int rows, int panel> [[gnu::always_inline]] static void dot() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(sum), "i"(rows), "i"(panel));
  }
};

using Tables = PanelKernels<TileProduct<AmxUnit>>;

constexpr DecoderKernels decoder_table() {
  DecoderKernels kernels = Tables::decoder("amx");
  kernels.few_queries = FewQueries<AmxUnit>::attend;
  return kernels;
}

} // namespace

const VisionKernels vision::amx = Tables::vision("amx");
const DecoderKernels decoder::amx = decoder_table();
const ConvolutionKernels convolutions::amx_split =
    Convolutions<SplitTiles<AmxUnit, 2>>::table("amx_split");
const ConvolutionKernels convolutions::amx = Convolutions<SplitTiles<AmxUnit, 1>>::table("amx");

} // namespace ppocrvl::kernels
