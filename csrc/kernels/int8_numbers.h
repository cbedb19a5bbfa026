// SPDX-License-Identifier: Apache-2.0
//
// int8 quantization for `IntegerLinear`, four numbers to a lane and instruction, for CPUs with
// AVX512-VNNI: weights symmetric with a scale a row, inputs asymmetric with a scale and a zero
// point a patch; of a block of columns, if rows are long.
#pragma once

#include "kernels/kernels.h"

#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace ppocrvl::kernels {

/// Layer are [n_features / 4][32][4], without a sign, as the instruction wants them; weights have
/// one. Sums are exact.
template <typename Layer> struct Int8Numbers {
  using Operand = typename Layer::Operand;

  static constexpr LinearNumbers kind = LinearNumbers::int8;
  static constexpr std::int64_t row_group = 8;       // rows that are summed at once
  static constexpr std::int64_t near_columns = 1024; // columns of a panel in the nearest cache
  static constexpr std::int64_t cached_bytes = 1200 << 10;
  static constexpr std::int64_t panel_cost = 2;   // products that quantizing a panel outweighs
  static constexpr float steps = 127.0F;          // of weights, to either side of zero
  static constexpr float byte_steps = 253.0F;     // rounding may add one at either end
  static constexpr float smallest_scale = 1e-37F; // the inverse of less overflows

  static std::int64_t panel_bytes(std::int64_t columns) {
    return (padded(columns, 4) + std::int64_t{sizeof(float) + sizeof(std::int32_t)}) * lanes;
  }

  /// What stands for a patch's bytes: scale * (byte - zero).
  struct Lanes {
    float *scales;
    std::int32_t *zeros;
  };

  struct Workspace {
    typename Layer::Buffers buffers;
    std::int64_t depth;      // of a panel
    std::int64_t row_stride; // bytes
    std::int8_t *rows;
    float *row_scales;
    std::int32_t *row_sums; // of a row's bytes
    std::uint8_t *panels;
    float *scales;
    std::int32_t *zeros;

    Workspace(void *scratch, std::int64_t columns, std::int64_t n_panels)
        : buffers(scratch, columns), depth(padded(columns, 4)), row_stride(padded(columns, 64)),
          rows(reinterpret_cast<std::int8_t *>(buffers.packed)) {
      std::byte *rest = buffers.end;
      row_scales = Layer::template carve<float>(rest, Layer::block_rows);
      row_sums = Layer::template carve<std::int32_t>(rest, Layer::block_rows);
      panels = Layer::template carve<std::uint8_t>(rest, n_panels * depth * lanes);
      scales = Layer::template carve<float>(rest, n_panels * lanes);
      zeros = Layer::template carve<std::int32_t>(rest, n_panels * lanes);
    }

    [[nodiscard]] std::uint8_t *panel(std::int64_t i) const { return panels + i * depth * lanes; }
    [[nodiscard]] Lanes of_panel(std::int64_t i) const {
      return {scales + i * lanes, zeros + i * lanes};
    }
  };

  static void quantize_panel(const Operand *panel, std::int64_t n_features, const Workspace &work,
                             std::int64_t index) {
    std::uint8_t *out = work.panel(index);
    const Lanes of = work.of_panel(index);
    for (std::int64_t lane = 0; lane < lanes; lane += 16) {
      __m512 least = _mm512_setzero_ps();
      __m512 greatest = _mm512_setzero_ps();
      __mmask16 is_none = 0;
      for (std::int64_t feature = 0; feature < n_features; feature += 4) {
        for (const __m512 values : Four(panel, feature, n_features, lane).values) {
          least = _mm512_min_ps(least, values);
          greatest = _mm512_max_ps(greatest, values);
          is_none |= _mm512_cmp_ps_mask(values, values, _CMP_UNORD_Q);
        }
      }
      const __m512 scale =
          _mm512_mul_ps(_mm512_sub_ps(greatest, least), _mm512_set1_ps(1.0F / byte_steps));
      const __m512 inverse =
          _mm512_maskz_div_ps(_mm512_cmp_ps_mask(scale, _mm512_set1_ps(smallest_scale), _CMP_GT_OQ),
                              _mm512_set1_ps(1.0F), scale);
      // Of the least at least 1, as its byte may be rounded down to 0.
      const __m512 zero = _mm512_roundscale_ps(
          _mm512_fnmadd_ps(least, inverse, _mm512_set1_ps(1.0F)), _MM_FROUND_NO_EXC);
      _mm512_storeu_ps(of.scales + lane,
                       _mm512_mask_mov_ps(scale, is_none, _mm512_set1_ps(__builtin_nanf(""))));
      _mm512_storeu_si512(of.zeros + lane, _mm512_cvtps_epi32(zero));
      for (std::int64_t feature = 0; feature < n_features; feature += 4) {
        const Four four(panel, feature, n_features, lane);
        __m512i bytes = _mm512_setzero_si512();
        for (unsigned i = 4; i-- > 0;) {
          const __m512i number = _mm512_cvtps_epi32(_mm512_fmadd_ps(four.values[i], inverse, zero));
          bytes = _mm512_or_si512(_mm512_slli_epi32(bytes, 8),
                                  _mm512_and_si512(number, _mm512_set1_epi32(0xFF)));
        }
        _mm512_storeu_si512(out + feature * lanes + 4 * lane, bytes);
      }
    }
  }

  static void quantize_row(const Operand *row, std::int64_t count, const Workspace &work,
                           std::int64_t index) {
    std::int8_t *out = work.rows + index * work.row_stride;
    __m512i greatest_bits = _mm512_setzero_si512();
    for (std::int64_t i = 0; i < count; i += 16) {
      const __m512 values = load(row + i, Layer::smaller(16, count - i));
      greatest_bits = _mm512_max_epu32(greatest_bits, magnitude(values));
    }
    const float greatest = Layer::Math::float_of(_mm512_reduce_max_epu32(greatest_bits));
    work.row_scales[index] = greatest / steps;
    const __m512 inverse = _mm512_set1_ps(inverse_of(greatest));
    __m512i sums = _mm512_setzero_si512();
    for (std::int64_t i = 0; i < count; i += 16) {
      const __m512 values = load(row + i, Layer::smaller(16, count - i));
      // What is no number becomes the least of 32 bits, which the sums would not hold.
      const __m512i numbers = _mm512_max_epi32(_mm512_cvtps_epi32(_mm512_mul_ps(values, inverse)),
                                               _mm512_set1_epi32(INT8_MIN));
      sums = _mm512_add_epi32(sums, numbers);
      _mm_storeu_si128(reinterpret_cast<__m128i *>(out + i), _mm512_cvtsepi32_epi8(numbers));
    }
    work.row_sums[index] = _mm512_reduce_add_epi32(sums);
  }

  static void clear_row(const Workspace &work, std::int64_t index) {
    std::memset(work.rows + index * work.row_stride, 0, static_cast<std::size_t>(work.row_stride));
  }

  /// Of a block's rows with a panel, to `buffers.c`.
  static void multiply(const Workspace &work, std::int64_t index, std::int64_t n_features,
                       std::int64_t /*n_lanes*/, std::int64_t n_rows) {
    multiply_bytes(work, work.panel(index), padded(n_features, 4), padded(n_rows, row_group));
    to_floats(work, work.of_panel(index), n_rows);
  }

private:
  static __m512i magnitude(__m512 values) {
    return _mm512_and_si512(_mm512_castps_si512(values), _mm512_set1_epi32(0x7FFFFFFF));
  }

  /// As bits, numbers above zero are in order, infinity above them and NaN above all: what is no
  /// number becomes the scale, and all results with it are none.
  static float inverse_of(float greatest) { return greatest == 0.0F ? 0.0F : steps / greatest; }

  /// `count` up to 16 operands, zeros behind them.
  static __m512 load(const Operand *from, std::int64_t count) {
    const auto mask = static_cast<__mmask16>((1U << static_cast<unsigned>(count)) - 1U);
    if constexpr (Layer::is_bf16) {
      const __m256i numbers = _mm256_maskz_loadu_epi16(mask, from);
      return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(numbers), 16));
    } else {
      return _mm512_maskz_loadu_ps(mask, from);
    }
  }

  /// Four features of 16 lanes, zeros behind the last feature.
  struct Four {
    __m512 values[4] = {};

    Four(const Operand *panel, std::int64_t feature, std::int64_t n_features, std::int64_t lane) {
      if constexpr (Layer::is_bf16) { // has rows of zeros
        for (std::int64_t pair = 0; pair < 2; ++pair) {
          const __m512i both = _mm512_loadu_si512(panel + (feature + 2 * pair) * lanes + 2 * lane);
          values[2 * pair] = _mm512_castsi512_ps(_mm512_slli_epi32(both, 16));
          values[2 * pair + 1] = _mm512_castsi512_ps(
              _mm512_and_si512(both, _mm512_set1_epi32(static_cast<int>(0xFFFF0000U))));
        }
      } else {
        for (std::int64_t i = 0; i < 4; ++i) {
          values[i] = feature + i < n_features
                          ? _mm512_loadu_ps(panel + (feature + i) * lanes + lane)
                          : _mm512_setzero_ps();
        }
      }
    }
  };

  /// Sums of products as they are, int32 [n_rows][32], where `to_floats` wants them.
  static void multiply_bytes(const Workspace &work, const std::uint8_t *panel,
                             std::int64_t n_features, std::int64_t n_rows) {
    auto *sums = reinterpret_cast<std::int32_t *>(work.buffers.c);
    for (std::int64_t first = 0; first < n_features; first += near_columns) {
      const std::int64_t depth = Layer::smaller(near_columns, n_features - first);
      for (std::int64_t row = 0; row < n_rows; row += row_group) {
        some_rows(work.rows + row * work.row_stride + first, work.row_stride, panel + first * lanes,
                  depth, sums + row * lanes, first > 0);
      }
    }
  }

  // See Avx512Int16.
  using Sums [[gnu::vector_size(64)]] = std::int32_t;

  static Sums load_sums(const std::int32_t *from) {
    return reinterpret_cast<Sums>(_mm512_loadu_si512(from));
  }

  static Sums add_products(Sums sums, __m512i panel, __m512i weights) {
    return reinterpret_cast<Sums>(
        _mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sums), panel, weights));
  }

  static void some_rows(const std::int8_t *rows, std::int64_t stride, const std::uint8_t *panel,
                        std::int64_t depth, std::int32_t *out, bool add) {
    Sums sums[row_group][2];
    for (std::int64_t i = 0; i < row_group; ++i) {
      for (std::int64_t j = 0; j < 2; ++j) {
        sums[i][j] = add ? load_sums(out + i * lanes + 16 * j) : Sums{};
      }
    }
    for (std::int64_t column = 0; column < depth; column += 4) {
      const __m512i left = _mm512_loadu_si512(panel + column * lanes);
      const __m512i right = _mm512_loadu_si512(panel + column * lanes + 64);
#pragma GCC unroll 8
      for (std::int64_t i = 0; i < row_group; ++i) {
        std::int32_t four = 0;
        std::memcpy(&four, rows + i * stride + column, sizeof four);
        const __m512i weights = _mm512_set1_epi32(four);
        sums[i][0] = add_products(sums[i][0], left, weights);
        sums[i][1] = add_products(sums[i][1], right, weights);
      }
    }
    for (std::int64_t i = 0; i < row_group; ++i) {
      for (std::int64_t j = 0; j < 2; ++j) {
        _mm512_storeu_si512(out + i * lanes + 16 * j, reinterpret_cast<__m512i>(sums[i][j]));
      }
    }
  }

  /// In place.
  static void to_floats(const Workspace &work, const Lanes &of, std::int64_t n_rows) {
    for (std::int64_t row = 0; row < n_rows; ++row) {
      const __m512i sum = _mm512_set1_epi32(work.row_sums[row]);
      const __m512 scale = _mm512_set1_ps(work.row_scales[row]);
      for (std::int64_t lane = 0; lane < lanes; lane += 16) {
        float *at = work.buffers.c + row * lanes + lane;
        const __m512i from_zero = _mm512_mullo_epi32(sum, _mm512_loadu_si512(of.zeros + lane));
        const __m512 sums = _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_loadu_si512(at), from_zero));
        _mm512_storeu_ps(
            at, _mm512_mul_ps(_mm512_mul_ps(sums, scale), _mm512_loadu_ps(of.scales + lane)));
      }
    }
  }
};

} // namespace ppocrvl::kernels
