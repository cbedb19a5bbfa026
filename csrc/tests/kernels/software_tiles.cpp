// SPDX-License-Identifier: Apache-2.0
//
// The kernels for AMX with its instructions in software, so that what surrounds them is tested on
// every CPU with AVX512-BF16.
#include "kernels/convolutions.h"
#include "kernels/logits.h"
#include "kernels/panel_kernels.h"
#include "kernels/split_tiles.h"
#include "kernels/tile_product.h"

#include <immintrin.h>

#include <cstring>

namespace ppocrvl::kernels {
namespace {

struct SoftwareUnit {
  static constexpr std::int64_t n_rows = 16;
  static constexpr std::size_t row_bytes = 64;
  struct alignas(row_bytes) Tile {
    std::byte bytes[n_rows][row_bytes];
  };
  static thread_local Tile tiles[8];

  static void begin() {
    // What is read before it is loaded must show: bytes of ones are no number.
    std::memset(tiles, 0xFF, sizeof tiles);
  }
  static void end() {}

  template <int tile> static void load(const void *from, std::int64_t stride) {
    for (std::int64_t row = 0; row < n_rows; ++row) {
      std::memcpy(tiles[tile].bytes[row], static_cast<const std::byte *>(from) + row * stride,
                  row_bytes);
    }
  }

  template <int tile> static void store(void *to, std::int64_t stride) {
    for (std::int64_t row = 0; row < n_rows; ++row) {
      std::memcpy(static_cast<std::byte *>(to) + row * stride, tiles[tile].bytes[row], row_bytes);
    }
  }

  template <int tile> static void zero() { tiles[tile] = {}; }

  /// Each row of 32 numbers times 16 columns, whose pairs lie in the 16 rows of the panel.
  template <int sum, int rows, int panel> static void dot() {
    for (std::int64_t row = 0; row < n_rows; ++row) {
      __m512 sums = _mm512_load_ps(tiles[sum].bytes[row]);
      for (std::int64_t pair = 0; pair < n_rows; ++pair) {
        std::int32_t factor = 0;
        std::memcpy(&factor, tiles[rows].bytes[row] + pair * std::int64_t{sizeof factor},
                    sizeof factor);
        sums = _mm512_dpbf16_ps(
            sums, reinterpret_cast<__m512bh>(_mm512_set1_epi32(factor)),
            reinterpret_cast<__m512bh>(_mm512_load_si512(tiles[panel].bytes[pair])));
      }
      _mm512_store_ps(tiles[sum].bytes[row], sums);
    }
  }
};

thread_local SoftwareUnit::Tile SoftwareUnit::tiles[8];

using Tables = PanelKernels<TileProduct<SoftwareUnit>>;

constexpr VisionKernels vision_table = Tables::vision("software tiles");
constexpr DecoderKernels decoder_table = Tables::decoder("software tiles");
constexpr LogitKernels logit_table = Logits<SoftwareUnit>::table();

} // namespace

extern const ConvolutionKernels software_split_tiles;
const ConvolutionKernels software_split_tiles =
    Convolutions<SplitTiles<SoftwareUnit, 2>>::table("software split tiles");

extern const Kernels software_tiles;
const Kernels software_tiles{&vision_table, &decoder_table, &logit_table};

} // namespace ppocrvl::kernels
