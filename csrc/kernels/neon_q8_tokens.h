// SPDX-License-Identifier: Apache-2.0
//
// Products of few tokens with weights of Q8_0, in whole numbers: the weights' bytes are used as
// they are, and a token's numbers are two bytes each.
#pragma once

#include "kernels/kernels.h"
#include "kernels/scalar.h"

#include <arm_neon.h>

#include <cstddef>
#include <cstring>

namespace ppocrvl::kernels {

/// By the dot-product instructions of ARMv8.2. Each 32 numbers of a token share a power of two as
/// scale, and have 14 bits with a sign: of bfloat16, whose numbers have 8, those from 1/64 of the
/// greatest on lose nothing, and the others at most 1/32768 of it. `Kind`: see Scalar.
template <typename Kind> struct NeonQ8Tokens {
  static constexpr std::int64_t width = 32; // numbers of a block

  /// Whether the tokens find room in scratch memory.
  static bool takes(const FewTokens &task) {
    const std::int64_t blocks = task.n_tokens * task.matrix->columns / width;
    return task.matrix->format == Format::q8_0 &&
           blocks * std::int64_t{sizeof(Block)} <= std::int64_t{scratch_bytes} / 5;
  }

  static void multiply(const FewTokens &task, Share share, void *scratch) {
    switch (task.n_tokens) {
    case 1:
      return rows_with<1>(task, share, scratch);
    case 2:
      return rows_with<2>(task, share, scratch);
    case 3:
      return rows_with<3>(task, share, scratch);
    case 4:
      return rows_with<4>(task, share, scratch);
    case 5:
      return rows_with<5>(task, share, scratch);
    case 6:
      return rows_with<6>(task, share, scratch);
    case 7:
      return rows_with<7>(task, share, scratch);
    default:
      return rows_with<8>(task, share, scratch);
    }
  }

private:
  using Math = Scalar<Kind>;

  static constexpr std::size_t together = 4;          // rows that meet a token's block in registers
  static constexpr std::size_t weight_bytes = 2 + 32; // a float16 and the numbers

  /// 32 numbers of a token: scale * (256 * high + low).
  struct Block {
    std::int8_t high[width];
    std::int8_t low[width];
    float scale;
  };

  template <std::size_t n_tokens>
  static void rows_with(const FewTokens &task, Share share, void *scratch) {
    const Matrix &matrix = *task.matrix;
    const std::int64_t n_blocks = matrix.columns / width;
    auto *blocks = static_cast<Block *>(scratch);
    for (std::int64_t i = 0; i < std::int64_t{n_tokens} * n_blocks; ++i) {
      blocks[i] = rounded(task.in + i * width);
    }
    constexpr std::int64_t step = std::int64_t{together};
    const std::int64_t groups = (matrix.rows + step - 1) / step;
    const std::int64_t end = smaller(matrix.rows, groups * (share.index + 1) / share.count * step);
    std::int64_t row = groups * share.index / share.count * step;
    for (; row + step <= end; row += step) {
      some_rows<n_tokens, together>(task, row, blocks, n_blocks);
    }
    for (; row < end; ++row) {
      some_rows<n_tokens, 1>(task, row, blocks, n_blocks);
    }
  }

  static std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

  static Block rounded(const std::uint16_t *values) {
    // As bits, numbers above zero are in order, infinity above them and NaN above all.
    std::uint32_t greatest = 0;
    for (std::int64_t i = 0; i < width; ++i) {
      const std::uint32_t bits = values[i] & 0x7FFFU;
      greatest = bits > greatest ? bits : greatest;
    }
    constexpr std::uint32_t least = 32; // of exponents: all smaller numbers are zero
    constexpr std::uint32_t bias = 127;
    constexpr std::uint32_t bits_of_numbers = 13; // the greatest is less than 2^14
    const std::uint32_t exponent = greatest >> 7U;
    Block block{};
    if (exponent == 0xFFU) {
      block.scale = __builtin_nanf(""); // what is no number makes all that is made of it none
      return block;
    }
    const std::uint32_t used = exponent < least ? least : exponent;
    block.scale = Math::float_of((used - bits_of_numbers) << 23U);
    const float inverse = Math::float_of((2 * bias - used + bits_of_numbers) << 23U);
    for (std::int64_t i = 0; i < width; ++i) {
      const float value = Math::float_of(static_cast<std::uint32_t>(values[i]) << 16U) * inverse;
      // The nearest whole number in the lowest bits, as adding 1.5 * 2^23 leaves it.
      const auto number =
          static_cast<std::int32_t>(Math::bits_of(value + 12582912.0F) << 16U) >> 16;
      const auto low = static_cast<std::int8_t>(number);
      block.low[i] = low;
      block.high[i] = static_cast<std::int8_t>((number - low) >> 8);
    }
    return block;
  }

  template <std::size_t n_tokens, std::size_t n_rows>
  static void some_rows(const FewTokens &task, std::int64_t row, const Block *blocks,
                        std::int64_t n_blocks) {
    const Matrix &matrix = *task.matrix;
    const auto *weights = static_cast<const std::uint8_t *>(matrix.data) +
                          static_cast<std::size_t>(row) * matrix.row_bytes;
    float32x4_t sums[n_rows][n_tokens];
#pragma GCC unroll 8
    for (std::size_t i = 0; i < n_rows; ++i) {
#pragma GCC unroll 8
      for (std::size_t t = 0; t < n_tokens; ++t) {
        sums[i][t] = vdupq_n_f32(0.0F);
      }
    }
    for (std::int64_t b = 0; b < n_blocks; ++b) {
#pragma GCC unroll 8
      for (std::size_t i = 0; i < n_rows; ++i) {
        const std::uint8_t *from = weights + i * matrix.row_bytes;
        __builtin_prefetch(from + together * matrix.row_bytes);
        float16_t scale{};
        std::memcpy(&scale, from, sizeof scale);
        const int8x16_t first = vreinterpretq_s8_u8(vld1q_u8(from + 2));
        const int8x16_t second = vreinterpretq_s8_u8(vld1q_u8(from + 2 + 16));
#pragma GCC unroll 8
        for (std::size_t t = 0; t < n_tokens; ++t) {
          const Block &block = blocks[static_cast<std::int64_t>(t) * n_blocks + b];
          const int32x4_t high = dot(first, second, block.high);
          const int32x4_t low = dot(first, second, block.low);
          const float32x4_t whole = vcvtq_f32_s32(vaddq_s32(vshlq_n_s32(high, 8), low));
          sums[i][t] = vfmaq_n_f32(sums[i][t], whole, static_cast<float>(scale) * block.scale);
        }
      }
      weights += weight_bytes;
    }
#pragma GCC unroll 8
    for (std::size_t i = 0; i < n_rows; ++i) {
#pragma GCC unroll 8
      for (std::size_t t = 0; t < n_tokens; ++t) {
        task.out[static_cast<std::int64_t>(t) * matrix.rows + row + static_cast<std::int64_t>(i)] =
            vaddvq_f32(sums[i][t]);
      }
    }
  }

  [[gnu::always_inline]] static int32x4_t dot(int8x16_t first, int8x16_t second,
                                              const std::int8_t (&numbers)[width]) {
    const int32x4_t sums = vdotq_s32(vdupq_n_s32(0), first, vld1q_s8(numbers));
    return vdotq_s32(sums, second, vld1q_s8(numbers + 16));
  }
};

} // namespace ppocrvl::kernels
