// SPDX-License-Identifier: Apache-2.0
//
// Quantized weights to bfloat16, 32 at a time. A weight of up to five bits is looked up: the few
// values that a block can hold are rounded once, and its indices choose among their bytes.
#pragma once

#include "kernels/kernels.h"
#include "kernels/neon_bf16_pairs.h"

#include <arm_neon.h>

#include <cstddef>
#include <cstring>

namespace ppocrvl::kernels {

/// Rounding by the instructions of BF16, of the numbers that ggml's functions of the same formats
/// give. `Kind`: see Scalar.
template <typename Kind> struct NeonBf16Formats {
  using Operand = std::uint16_t;

  static constexpr std::int64_t width = 32; // weights that lie together

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
  using Pairs = NeonBf16Pairs<Kind>;

  template <std::int64_t block_bytes, std::int64_t block_columns, auto block>
  static void each(const std::uint8_t *bytes, std::int64_t count, Operand *out,
                   std::int64_t stride) {
    for (std::int64_t i = 0; i < count / block_columns; ++i) {
      block(bytes + i * block_bytes, out + i * (block_columns / width) * stride, stride);
    }
  }

  /// Four float16.
  static float32x4_t f16(const std::uint8_t *from, std::size_t count) {
    std::uint16_t bits[4] = {};
    std::memcpy(bits, from, count * sizeof bits[0]);
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(bits)));
  }

  static float f16(const std::uint8_t *from) { return vgetq_lane_f32(f16(from, 1), 0); }

  /// Sixteen numbers.
  struct Sixteen {
    float32x4_t quarters[4];

    [[nodiscard]] Sixteen times(float scale) const {
      Sixteen result = *this;
      for (float32x4_t &quarter : result.quarters) {
        quarter = vmulq_n_f32(quarter, scale);
      }
      return result;
    }
  };

  static Sixteen sixteen(const std::int8_t *from) {
    Sixteen result{};
    for (std::size_t i = 0; i < 4; ++i) {
      const float some[4] = {static_cast<float>(from[4 * i]), static_cast<float>(from[4 * i + 1]),
                             static_cast<float>(from[4 * i + 2]),
                             static_cast<float>(from[4 * i + 3])};
      result.quarters[i] = vld1q_f32(some);
    }
    return result;
  }

  static Sixteen sixteen_from(float first) {
    static constexpr std::int8_t zero_to_15[] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                 8, 9, 10, 11, 12, 13, 14, 15};
    Sixteen result = sixteen(zero_to_15);
    for (float32x4_t &quarter : result.quarters) {
      quarter = vaddq_f32(quarter, vdupq_n_f32(first));
    }
    return result;
  }

  /// The bytes of up to 32 bfloat16, lower and upper ones apart.
  struct Table {
    uint8x16x2_t lower;
    uint8x16x2_t upper;
  };

  static Table table_of(const Sixteen &first, const Sixteen &second) {
    Table table{};
    put(first, table.lower.val[0], table.upper.val[0]);
    put(second, table.lower.val[1], table.upper.val[1]);
    return table;
  }

  static Table table_of(const Sixteen &first) { return table_of(first, first); }

  static void put(const Sixteen &values, uint8x16_t &lower, uint8x16_t &upper) {
    const uint8x16_t low =
        vreinterpretq_u8_u16(Pairs::rounded(values.quarters[0], values.quarters[1]));
    const uint8x16_t high =
        vreinterpretq_u8_u16(Pairs::rounded(values.quarters[2], values.quarters[3]));
    lower = vuzp1q_u8(low, high);
    upper = vuzp2q_u8(low, high);
  }

  /// 32 indices.
  struct Indices {
    uint8x16_t first;
    uint8x16_t second;
  };

  /// Of a table's first sixteen.
  static void look_up(const Table &table, Indices indices, Operand *out) {
    store(vqtbl1q_u8(table.lower.val[0], indices.first),
          vqtbl1q_u8(table.upper.val[0], indices.first), out);
    store(vqtbl1q_u8(table.lower.val[0], indices.second),
          vqtbl1q_u8(table.upper.val[0], indices.second), out + 16);
  }

  /// Of all.
  static void look_up_32(const Table &table, Indices indices, Operand *out) {
    store(vqtbl2q_u8(table.lower, indices.first), vqtbl2q_u8(table.upper, indices.first), out);
    store(vqtbl2q_u8(table.lower, indices.second), vqtbl2q_u8(table.upper, indices.second),
          out + 16);
  }

  static void store(uint8x16_t lower, uint8x16_t upper, Operand *out) {
    vst1q_u16(out, vreinterpretq_u16_u8(vzip1q_u8(lower, upper)));
    vst1q_u16(out + 8, vreinterpretq_u16_u8(vzip2q_u8(lower, upper)));
  }

  static Indices load(const std::uint8_t *from) { return {vld1q_u8(from), vld1q_u8(from + 16)}; }

  static uint8x16_t low_nibbles(uint8x16_t bytes) { return vandq_u8(bytes, vdupq_n_u8(15)); }

  static Indices low_nibbles(Indices bytes) {
    return {low_nibbles(bytes.first), low_nibbles(bytes.second)};
  }

  static Indices high_nibbles(Indices bytes) {
    return {vshrq_n_u8(bytes.first, 4), vshrq_n_u8(bytes.second, 4)};
  }

  /// 16 bytes: their low nibbles, then their high ones.
  static Indices nibbles(const std::uint8_t *from) {
    const uint8x16_t bytes = vld1q_u8(from);
    return {low_nibbles(bytes), vshrq_n_u8(bytes, 4)};
  }

  static void q4_0(const std::uint8_t *block, Operand *out, std::int64_t /*stride*/) {
    look_up(table_of(sixteen_from(-8.0F).times(f16(block))), nibbles(block + 2), out);
  }

  static void iq4_nl(const std::uint8_t *block, Operand *out, std::int64_t /*stride*/) {
    static constexpr std::int8_t values[] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                             1,    13,   25,  38,  53,  69,  89,  113};
    look_up(table_of(sixteen(values).times(f16(block))), nibbles(block + 2), out);
  }

  static void q5_0(const std::uint8_t *block, Operand *out, std::int64_t /*stride*/) {
    const float scale = f16(block);
    const Table table =
        table_of(sixteen_from(-16.0F).times(scale), sixteen_from(0.0F).times(scale));
    Indices indices = nibbles(block + 6);
    indices.first = with_bits(indices.first, block[2], block[3]);
    indices.second = with_bits(indices.second, block[4], block[5]);
    look_up_32(table, indices, out);
  }

  /// With a fifth bit each, of eight and eight.
  static uint8x16_t with_bits(uint8x16_t indices, std::uint8_t low, std::uint8_t high) {
    const uint8x8_t bit = vcreate_u8(0x8040201008040201U);
    return with_bits(indices, vcombine_u8(vdup_n_u8(low), vdup_n_u8(high)), vcombine_u8(bit, bit));
  }

  static uint8x16_t with_bits(uint8x16_t indices, uint8x16_t bytes, uint8x16_t bit) {
    return vorrq_u8(indices, vandq_u8(vtstq_u8(bytes, bit), vdupq_n_u8(16)));
  }

  static void q8_0(const std::uint8_t *block, Operand *out, std::int64_t /*stride*/) {
    const float scale = f16(block);
    const Indices bytes = load(block + 2);
    bytes_times(bytes.first, scale, out);
    bytes_times(bytes.second, scale, out + 16);
  }

  /// Signed bytes with a scale.
  static void bytes_times(uint8x16_t bytes, float scale, Operand *out) {
    const int16x8_t low = vmovl_s8(vget_low_s8(vreinterpretq_s8_u8(bytes)));
    const int16x8_t high = vmovl_high_s8(vreinterpretq_s8_u8(bytes));
    vst1q_u16(out, words_times(low, scale));
    vst1q_u16(out + 8, words_times(high, scale));
  }

  static uint16x8_t words_times(int16x8_t words, float scale) {
    const float32x4_t low = vcvtq_f32_s32(vmovl_s16(vget_low_s16(words)));
    const float32x4_t high = vcvtq_f32_s32(vmovl_high_s16(words));
    return Pairs::rounded(vmulq_n_f32(low, scale), vmulq_n_f32(high, scale));
  }

  /// What a block of 256 weights in eight parts says of them: a part's weight is
  /// scale * q - least.
  struct Parts {
    float scales[8] = {};
    float least[8] = {};

    /// Two float16, then eight pairs of six bits in twelve bytes: four low pairs whole, of the
    /// others the lower four bits together and the upper two on top of the first.
    explicit Parts(const std::uint8_t *block)
        : Parts(block + 4, {vdupq_n_f32(f16(block)), vdupq_n_f32(f16(block))},
                {vdupq_n_f32(f16(block + 2)), vdupq_n_f32(f16(block + 2))}) {}

    /// Of the twelve bytes, with the unit of each part.
    Parts(const std::uint8_t *packed, float32x4x2_t scale_units, float32x4x2_t least_units) {
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

    static void put(std::uint32_t low, std::uint32_t high, float32x4x2_t units, float *to) {
      const uint16x8_t numbers = vmovl_u8(vcreate_u8(low | (std::uint64_t{high} << 32U)));
      vst1q_f32(to, vmulq_f32(vcvtq_f32_u32(vmovl_u16(vget_low_u16(numbers))), units.val[0]));
      vst1q_f32(to + 4, vmulq_f32(vcvtq_f32_u32(vmovl_high_u16(numbers)), units.val[1]));
    }

    /// Of sixteen q from `first` on. The product is exact.
    [[nodiscard]] Sixteen values(std::int64_t part, float first) const {
      Sixteen q = sixteen_from(first);
      for (float32x4_t &quarter : q.quarters) {
        quarter = vfmaq_n_f32(vdupq_n_f32(-least[part]), quarter, scales[part]);
      }
      return q;
    }
  };

  static void q4_k(const std::uint8_t *block, Operand *out, std::int64_t stride) {
    const Parts parts(block);
    for (std::int64_t part = 0; part < 8; part += 2) {
      const Indices bytes = load(block + 16 + part / 2 * width);
      look_up(table_of(parts.values(part, 0.0F)), low_nibbles(bytes), out + part * stride);
      look_up(table_of(parts.values(part + 1, 0.0F)), high_nibbles(bytes),
              out + (part + 1) * stride);
    }
  }

  static float32x4x2_t eight_f16(const std::uint8_t *from) {
    return {f16(from, 4), f16(from + 8, 4)};
  }

  /// Eight pairs of float16, the twelve bytes of each part with a pair of six bits for every row,
  /// and the nibbles, eight bytes of a row after those of the row before.
  static void q4_k_of_8_rows(const std::uint8_t *block, Operand *out, std::int64_t row_stride,
                             std::int64_t stride) {
    const float32x4x2_t scale_units = eight_f16(block);
    const float32x4x2_t least_units = eight_f16(block + 16);
    for (std::int64_t part = 0; part < 8; part += 2) {
      const Parts even(block + 32 + part * 12, scale_units, least_units); // of the rows
      const Parts odd(block + 32 + (part + 1) * 12, scale_units, least_units);
      for (std::int64_t row = 0; row < 8; ++row) {
        const std::uint8_t *from = block + 128 + part / 2 * 8 * width + row * 8;
        const Indices bytes{vcombine_u8(vld1_u8(from), vld1_u8(from + 64)),
                            vcombine_u8(vld1_u8(from + 128), vld1_u8(from + 192))};
        Operand *to = out + row * row_stride + part * stride;
        look_up(table_of(even.values(row, 0.0F)), low_nibbles(bytes), to);
        look_up(table_of(odd.values(row, 0.0F)), high_nibbles(bytes), to + stride);
      }
    }
  }

  static void q5_k(const std::uint8_t *block, Operand *out, std::int64_t stride) {
    const Parts parts(block);
    const Indices fifth_bits = load(block + 16);
    const auto look = [&](std::int64_t part, Indices indices) {
      const uint8x16_t bit =
          vdupq_n_u8(static_cast<std::uint8_t>(1U << static_cast<unsigned>(part)));
      look_up_32(table_of(parts.values(part, 0.0F), parts.values(part, 16.0F)),
                 {with_bits(indices.first, fifth_bits.first, bit),
                  with_bits(indices.second, fifth_bits.second, bit)},
                 out + part * stride);
    };
    for (std::int64_t part = 0; part < 8; part += 2) {
      const Indices bytes = load(block + 48 + part / 2 * width);
      look(part, low_nibbles(bytes));
      look(part + 1, high_nibbles(bytes));
    }
  }

  /// Six bits with 16 scales of signed bytes. The fifth and sixth bits of four parts of 32 lie in
  /// the same bytes.
  static void q6_k(const std::uint8_t *block, Operand *out, std::int64_t stride) {
    const float unit = f16(block + 208);
    for (std::int64_t side = 0; side < 2; ++side) {
      const Indices high = load(block + 128 + side * width);
      const auto store_part = [&](std::int64_t part, Indices low, Indices upper_two) {
        const std::uint8_t *scales = block + 192 + 8 * side + 2 * part;
        Operand *to = out + (4 * side + part) * stride;
        store_16(low.first, upper_two.first, unit, scales[0], to);
        store_16(low.second, upper_two.second, unit, scales[1], to + 16);
      };
      const Indices first = load(block + 2 * side * width);
      const Indices second = load(block + (2 * side + 1) * width);
      store_part(0, low_nibbles(first), {vshlq_n_u8(high.first, 4), vshlq_n_u8(high.second, 4)});
      store_part(1, low_nibbles(second), {vshlq_n_u8(high.first, 2), vshlq_n_u8(high.second, 2)});
      store_part(2, high_nibbles(first), high);
      store_part(3, high_nibbles(second), {vshrq_n_u8(high.first, 2), vshrq_n_u8(high.second, 2)});
    }
  }

  /// Nibbles with bits 4 and 5 of other bytes.
  static void store_16(uint8x16_t low, uint8x16_t upper_two, float unit, std::uint8_t scale,
                       Operand *out) {
    const uint8x16_t q = vorrq_u8(low, vandq_u8(upper_two, vdupq_n_u8(0x30)));
    bytes_times(vsubq_u8(q, vdupq_n_u8(32)),
                unit * static_cast<float>(static_cast<std::int8_t>(scale)), out);
  }
};

} // namespace ppocrvl::kernels
