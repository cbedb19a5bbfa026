// SPDX-License-Identifier: Apache-2.0
//
// Quantized weights to bfloat16, 32 at a time. A weight of up to five bits is looked up: the few
// values that a block can hold are rounded once, and its indices permute them.
#pragma once

#include "kernels/kernels.h"

#include <immintrin.h>

#include <cstring>

namespace ppocrvl::kernels {

/// Rounding by AVX512-BF16, of the numbers that ggml's functions of the same formats give. `Kind`:
/// see Scalar.
template <typename Kind> struct Bf16Formats {
  using Operand = std::uint16_t;

  static constexpr std::int64_t width = 32; // weights of one register

  /// `count` weights, a multiple of the format's blocks. Each 32 go to `out`, `stride` further than
  /// the last. Not of Format::bf16, Format::q4_k_of_8_rows and Format::other.
  static void decode(Format format, const void *blocks, std::int64_t count, Operand *out,
                     std::int64_t stride) {
    const auto *bytes = static_cast<const std::uint8_t *>(blocks);
    switch (format) {
    case Format::q4_0:
      return each<18, width, q4_0>(bytes, count, out, stride);
    case Format::q5_0:
      return each<22, width, q5_0>(bytes, count, out, stride);
    case Format::q8_0:
      return each<34, width, q8_0>(bytes, count, out, stride);
    case Format::iq4_nl:
      return each<18, width, iq4_nl>(bytes, count, out, stride);
    case Format::q4_k:
      return each<144, 8 * width, q4_k>(bytes, count, out, stride);
    case Format::q5_k:
      return each<176, 8 * width, q5_k>(bytes, count, out, stride);
    case Format::q6_k:
      return each<210, 8 * width, q6_k>(bytes, count, out, stride);
    case Format::bf16:
    case Format::q4_k_of_8_rows:
    case Format::other:
      return;
    }
  }

  /// Eight rows of Format::q4_k_of_8_rows, whose results lie `row_stride` apart.
  static void decode_8_rows(const void *blocks, std::int64_t count, Operand *out,
                            std::int64_t row_stride, std::int64_t stride) {
    constexpr std::int64_t block_columns = 8 * width;
    const auto *bytes = static_cast<const std::uint8_t *>(blocks);
    for (std::int64_t i = 0; i < count / block_columns; ++i) {
      q4_k_of_8_rows(bytes + i * 8 * 144, out + i * 8 * stride, row_stride, stride);
    }
  }

private:
  template <std::int64_t block_bytes, std::int64_t block_columns, auto block>
  static void each(const std::uint8_t *bytes, std::int64_t count, Operand *out,
                   std::int64_t stride) {
    for (std::int64_t i = 0; i < count / block_columns; ++i) {
      block(bytes + i * block_bytes, out + i * (block_columns / width) * stride, stride);
    }
  }

  static float f16(const std::uint8_t *from) {
    std::int16_t bits = 0;
    std::memcpy(&bits, from, sizeof bits);
    const __m256i vector = _mm256_castsi128_si256(_mm_cvtsi32_si128(bits));
    return _mm512_cvtss_f32(_mm512_cvtph_ps(vector));
  }

  static __m512 zero_to_15() {
    return _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  }

  static __m512i rounded(__m512 low, __m512 high) {
    return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
  }

  static void look_up(__m512i table, __m256i indices, Operand *out) {
    _mm512_storeu_si512(out, _mm512_permutexvar_epi16(_mm512_cvtepu8_epi16(indices), table));
  }

  static __m256i low_nibbles(__m256i bytes) {
    return _mm256_and_si256(bytes, _mm256_set1_epi8(15));
  }

  static __m256i high_nibbles(__m256i bytes) { return low_nibbles(_mm256_srli_epi16(bytes, 4)); }

  static __m256i load(const std::uint8_t *from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(from));
  }

  /// 16 bytes: their low nibbles, then their high ones.
  static __m256i nibbles(const std::uint8_t *from) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i *>(from));
    return low_nibbles(_mm256_set_m128i(_mm_srli_epi16(bytes, 4), bytes));
  }

  static void q4_0(const std::uint8_t *block, Operand *out, std::int64_t /*stride*/) {
    const __m512 values = _mm512_sub_ps(zero_to_15(), _mm512_set1_ps(8.0F));
    const __m512 scaled = _mm512_mul_ps(values, _mm512_set1_ps(f16(block)));
    look_up(rounded(scaled, scaled), nibbles(block + 2), out);
  }

  static void iq4_nl(const std::uint8_t *block, Operand *out, std::int64_t /*stride*/) {
    const __m512 values =
        _mm512_setr_ps(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
    const __m512 scaled = _mm512_mul_ps(values, _mm512_set1_ps(f16(block)));
    look_up(rounded(scaled, scaled), nibbles(block + 2), out);
  }

  static void q5_0(const std::uint8_t *block, Operand *out, std::int64_t /*stride*/) {
    const __m512 scale = _mm512_set1_ps(f16(block));
    const __m512 low = _mm512_sub_ps(zero_to_15(), _mm512_set1_ps(16.0F));
    const __m512i table = rounded(_mm512_mul_ps(low, scale), _mm512_mul_ps(zero_to_15(), scale));
    __mmask32 fifth_bits = 0;
    std::memcpy(&fifth_bits, block + 2, sizeof fifth_bits);
    look_up(table, with_bits(nibbles(block + 6), fifth_bits), out);
  }

  static __m256i with_bits(__m256i indices, __mmask32 fifth_bits) {
    return _mm256_mask_add_epi8(indices, fifth_bits, indices, _mm256_set1_epi8(16));
  }

  static void q8_0(const std::uint8_t *block, Operand *out, std::int64_t /*stride*/) {
    const __m512 scale = _mm512_set1_ps(f16(block));
    bytes_times(load(block + 2), scale, scale, out);
  }

  /// Signed bytes, of which each 16 have a scale.
  static void bytes_times(__m256i bytes, __m512 low_scale, __m512 high_scale, Operand *out) {
    const __m512 low = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_castsi256_si128(bytes)));
    const __m512 high =
        _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_extracti128_si256(bytes, 1)));
    _mm512_storeu_si512(out,
                        rounded(_mm512_mul_ps(low, low_scale), _mm512_mul_ps(high, high_scale)));
  }

  /// What a block of 256 weights in eight parts says of them: a part's weight is
  /// scale * q - least.
  struct Parts {
    alignas(32) float scales[8] = {};
    alignas(32) float least[8] = {};

    /// Two float16, then eight pairs of six bits in twelve bytes: four low pairs whole, of the
    /// others the lower four bits together and the upper two on top of the first.
    explicit Parts(const std::uint8_t *block)
        : Parts(block + 4, _mm256_set1_ps(f16(block)), _mm256_set1_ps(f16(block + 2))) {}

    /// Of the twelve bytes, with the unit of each part.
    Parts(const std::uint8_t *packed, __m256 scale_units, __m256 least_units) {
      std::uint32_t words[3] = {};
      std::memcpy(words, packed, sizeof words);
      constexpr std::uint32_t six = 0x3F3F3F3FU;
      constexpr std::uint32_t four = 0x0F0F0F0FU;
      constexpr std::uint32_t upper_two = 0x30303030U;
      const std::uint32_t high_scales = (words[2] & four) | ((words[0] >> 2U) & upper_two);
      const std::uint32_t high_least = ((words[2] >> 4U) & four) | ((words[1] >> 2U) & upper_two);
      put(words[0] & six, high_scales, scale_units, scales);
      put(words[1] & six, high_least, least_units, least);
    }

    static void put(std::uint32_t low, std::uint32_t high, __m256 units, float *to) {
      const auto bytes = static_cast<std::int64_t>(low | (std::uint64_t{high} << 32U));
      const __m256 numbers = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(bytes)));
      _mm256_store_ps(to, _mm256_mul_ps(numbers, units));
    }

    /// Of sixteen q from `first` on.
    [[nodiscard]] __m512 values(std::int64_t part, float first) const {
      const __m512 q = _mm512_add_ps(zero_to_15(), _mm512_set1_ps(first));
      // Two roundings, as ggml has them.
      const __m512 product = _mm512_mul_ps(q, _mm512_set1_ps(scales[part]));
      return _mm512_sub_ps(product, _mm512_set1_ps(least[part]));
    }
  };

  static void q4_k(const std::uint8_t *block, Operand *out, std::int64_t stride) {
    const Parts parts(block);
    for (std::int64_t part = 0; part < 8; part += 2) {
      const __m256i bytes = load(block + 16 + part / 2 * width);
      const __m512 even = parts.values(part, 0.0F);
      look_up(rounded(even, even), low_nibbles(bytes), out + part * stride);
      const __m512 odd = parts.values(part + 1, 0.0F);
      look_up(rounded(odd, odd), high_nibbles(bytes), out + (part + 1) * stride);
    }
  }

  static __m256 eight_f16(const std::uint8_t *from) {
    const __m128i values = _mm_loadu_si128(reinterpret_cast<const __m128i *>(from));
    return _mm512_castps512_ps256(_mm512_cvtph_ps(_mm256_castsi128_si256(values)));
  }

  /// Eight pairs of float16, the twelve bytes of each part with a pair of six bits for every row,
  /// and the nibbles, eight bytes of a row after those of the row before.
  static void q4_k_of_8_rows(const std::uint8_t *block, Operand *out, std::int64_t row_stride,
                             std::int64_t stride) {
    const __m256 scale_units = eight_f16(block);
    const __m256 least_units = eight_f16(block + 16);
    for (std::int64_t part = 0; part < 8; part += 2) {
      const Parts even(block + 32 + part * 12, scale_units, least_units); // of the rows
      const Parts odd(block + 32 + (part + 1) * 12, scale_units, least_units);
      __m512i rows[4]; // each of the row of this number and the fourth after it
      eight_rows(block + 128 + part / 2 * 8 * width, rows);
      for (std::int64_t row = 0; row < 4; ++row) {
        const __m512i nibbles = _mm512_set1_epi8(15);
        const __m512i low = _mm512_and_si512(rows[row], nibbles);
        const __m512i high = _mm512_and_si512(_mm512_srli_epi16(rows[row], 4), nibbles);
        for (std::int64_t i = row; i < 8; i += 4) {
          const __m512 of_low = even.values(i, 0.0F);
          const __m512 of_high = odd.values(i, 0.0F);
          Operand *to = out + i * row_stride + part * stride;
          look_up(rounded(of_low, of_low), four_rows_of(low, i), to);
          look_up(rounded(of_high, of_high), four_rows_of(high, i), to + stride);
        }
      }
    }
  }

  static __m256i four_rows_of(__m512i rows, std::int64_t row) {
    return row < 4 ? _mm512_castsi512_si256(rows) : _mm512_extracti64x4_epi64(rows, 1);
  }

  /// 256 bytes, of eight rows, interleaved by eight bytes.
  static void eight_rows(const std::uint8_t *from, __m512i (&rows)[4]) {
    const __m512i first = _mm512_loadu_si512(from);
    const __m512i second = _mm512_loadu_si512(from + 64);
    const __m512i third = _mm512_loadu_si512(from + 128);
    const __m512i fourth = _mm512_loadu_si512(from + 192);
    const __m512i upper[] = {
        _mm512_unpacklo_epi64(first, second),
        _mm512_unpackhi_epi64(first, second),
    }; // even rows, odd rows
    const __m512i lower[] = {
        _mm512_unpacklo_epi64(third, fourth),
        _mm512_unpackhi_epi64(third, fourth),
    };
    const __m512i rows_0_4 = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13);
    const __m512i rows_2_6 = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
    for (std::size_t odd = 0; odd < 2; ++odd) {
      rows[odd] = _mm512_permutex2var_epi64(upper[odd], rows_0_4, lower[odd]);
      rows[2 + odd] = _mm512_permutex2var_epi64(upper[odd], rows_2_6, lower[odd]);
    }
  }

  static void q5_k(const std::uint8_t *block, Operand *out, std::int64_t stride) {
    const Parts parts(block);
    const __m256i fifth_bits = load(block + 16);
    const auto store = [&](std::int64_t part, __m256i indices) {
      const __mmask32 bits = _mm256_test_epi8_mask(
          fifth_bits, _mm256_set1_epi8(static_cast<char>(1U << static_cast<unsigned>(part))));
      look_up(rounded(parts.values(part, 0.0F), parts.values(part, 16.0F)),
              with_bits(indices, bits), out + part * stride);
    };
    for (std::int64_t part = 0; part < 8; part += 2) {
      const __m256i bytes = load(block + 48 + part / 2 * width);
      store(part, low_nibbles(bytes));
      store(part + 1, high_nibbles(bytes));
    }
  }

  /// Six bits with 16 scales of signed bytes. The fifth and sixth bits of four parts of 32 lie in
  /// the same bytes.
  static void q6_k(const std::uint8_t *block, Operand *out, std::int64_t stride) {
    alignas(64) float scales[16];
    const __m512 numbers = _mm512_cvtepi32_ps(
        _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i *>(block + 192))));
    _mm512_store_ps(scales, _mm512_mul_ps(numbers, _mm512_set1_ps(f16(block + 208))));
    const __m256i upper_two = _mm256_set1_epi8(0x30);
    for (std::int64_t side = 0; side < 2; ++side) {
      const __m256i high = load(block + 128 + side * width);
      const auto store = [&](std::int64_t part, __m256i low, __m256i shifted) {
        const __m256i q = _mm256_or_si256(low, _mm256_and_si256(shifted, upper_two));
        const float *scale = scales + 8 * side + 2 * part;
        bytes_times(_mm256_sub_epi8(q, _mm256_set1_epi8(32)), _mm512_set1_ps(scale[0]),
                    _mm512_set1_ps(scale[1]), out + (4 * side + part) * stride);
      };
      const __m256i first = load(block + 2 * side * width);
      const __m256i second = load(block + (2 * side + 1) * width);
      store(0, low_nibbles(first), _mm256_slli_epi16(high, 4));
      store(1, low_nibbles(second), _mm256_slli_epi16(high, 2));
      store(2, high_nibbles(first), high);
      store(3, high_nibbles(second), _mm256_srli_epi16(high, 2));
    }
  }
};

} // namespace ppocrvl::kernels
