// SPDX-License-Identifier: Apache-2.0
//
// Weights in the order in which products read them: 32 rows at a time are decoded into scratch
// memory, unless they can be read where they are.
#pragma once

#include "kernels/panels.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ppocrvl::kernels {

/// Blocks of a `Matrix`, of up to 32 rows.
template <typename Product> struct WeightBlocks : Panels<Product> {
  using Base = Panels<Product>;
  using Operand = typename Base::Operand;
  using Range = typename Base::Range;
  using Math = typename Base::Math;
  using Base::bytes_of;
  using Base::group;
  using Base::is_bf16;
  using Base::packed_index;
  using Base::part_of;
  using Base::run;
  using Base::smaller;
  using Base::to_operands;

  static constexpr std::int64_t block_rows = 32; // multiplied with a panel at a time

  /// Some rows and columns of a matrix.
  struct Block {
    const Matrix *matrix;
    Range rows;
    std::int64_t first; // column
    std::int64_t count;
    std::int64_t depth; // columns with zeros behind them

    [[nodiscard]] std::int64_t height() const { return rows.end - rows.begin; }

    /// Of Format::q4_k_of_8_rows an eighth of what the rows have in common.
    [[nodiscard]] const std::byte *row(std::int64_t index) const {
      if (matrix->format == Format::q4_k_of_8_rows) {
        return eight_rows(index) + index % 8 * row_part_bytes();
      }
      return static_cast<const std::byte *>(matrix->data) +
             bytes_of(rows.begin + index, matrix->row_bytes) +
             bytes_of(first / matrix->block_columns, matrix->block_bytes);
    }

    /// Bytes of a row's columns.
    [[nodiscard]] std::int64_t row_part_bytes() const {
      return count / matrix->block_columns * static_cast<std::int64_t>(matrix->block_bytes);
    }

    [[nodiscard]] const std::byte *eight_rows(std::int64_t index) const {
      return static_cast<const std::byte *>(matrix->data) +
             bytes_of((rows.begin + index) / 8 * 8, matrix->row_bytes) +
             bytes_of(first / matrix->block_columns, 8 * matrix->block_bytes);
    }
  };

  struct Buffers {
    Operand *packed;
    float *values;
    Operand *operands;
    float *c;
    std::byte *end;

    Buffers(void *scratch, std::int64_t longest) {
      auto *rest = static_cast<std::byte *>(scratch);
      packed = Base::template carve<Operand>(rest, block_rows * (padded(longest, 32) + 32));
      values = Base::template carve<float>(rest, longest);
      operands = Base::template carve<Operand>(rest, longest);
      c = Base::template carve<float>(rest, block_rows * lanes);
      end = rest;
    }
  };

  /// Whether `Product` decodes the block, and not ggml.
  static bool is_decoded_here(const Block &block) {
    const Format format = block.matrix->format;
    return is_bf16 && format != Format::bf16 && format != Format::other;
  }

  /// A row of a block as operands.
  static const Operand *decoded(const Block &block, std::int64_t row, const Buffers &buffers) {
    if constexpr (is_bf16) {
      if (block.matrix->format == Format::bf16) {
        return reinterpret_cast<const Operand *>(block.row(row));
      }
      if (is_decoded_here(block)) {
        Product::Formats::decode(block.matrix->format, block.row(row), block.count,
                                 buffers.operands, 32);
        return buffers.operands;
      }
    }
    block.matrix->to_float(block.row(row), buffers.values, block.count);
    if constexpr (is_bf16) {
      to_operands(buffers.values, buffers.operands, block.count);
      return buffers.operands;
    } else {
      return buffers.values;
    }
  }

  /// Asks for a part of a block's bytes.
  static void prefetch(const Block &block, std::int64_t part, std::int64_t parts) {
    const std::int64_t bytes = block.row_part_bytes();
    const Range wanted = part_of(block.height(), part, parts);
    for (std::int64_t row = wanted.begin; row < wanted.end; ++row) {
      for (std::int64_t at = 0; at < bytes; at += 64) {
        __builtin_prefetch(block.row(row) + at, 0, 2);
      }
    }
  }

  /// Where a row of a packed block lies: 32 columns together, the next 32 so much further.
  struct Place {
    Operand *first;
    std::int64_t part_stride;
    std::int64_t row_stride; // to the next row, of eight
  };

  /// Rows that vectors read one after another are a cache line further apart than they are long:
  /// those that are met together must not all fall into the same set.
  static std::int64_t row_stride(const Block &block) { return block.depth + 32; }

  static Place place_of(const Block &block, std::int64_t row, const Buffers &buffers) {
    if constexpr (Product::has_tiles) {
      Operand *of_group = buffers.packed + row / group * group * block.depth;
      return {of_group + packed_index(row % group, 0), group * run, run};
    } else {
      return {buffers.packed + row * row_stride(block), 32, row_stride(block)};
    }
  }

  /// Puts a block in the order that `Product` reads, with zeros up to whole groups of rows. Asks
  /// for the next one meanwhile.
  static void pack(const Block &block, const Block &next, const Buffers &buffers) {
    const std::int64_t n_rows = padded(block.height(), group);
    const bool has_8_rows_as_one = is_bf16 && block.matrix->format == Format::q4_k_of_8_rows;
    for (std::int64_t row = 0; row < n_rows; ++row) {
      prefetch(next, row, n_rows);
      const Place place = place_of(block, row, buffers);
      if (row >= block.height()) {
        fill(nullptr, 0, block.depth, place);
      } else if (!has_8_rows_as_one) {
        pack_row(block, row, place, buffers);
      } else if (row % 8 == 0) {
        if constexpr (is_bf16) {
          Product::Formats::decode_8_rows(block.eight_rows(row), block.count, place.first,
                                          place.row_stride, place.part_stride);
        }
      }
    }
  }

  static void pack_row(const Block &block, std::int64_t row, const Place &place,
                       const Buffers &buffers) {
    if constexpr (!is_bf16) { // a row lies in one piece, without zeros behind it
      static_assert(!Product::has_tiles);
      block.matrix->to_float(block.row(row), place.first, block.count);
    } else if (is_decoded_here(block)) {
      Product::Formats::decode(block.matrix->format, block.row(row), block.count, place.first,
                               place.part_stride);
    } else {
      fill(decoded(block, row, buffers), block.count, block.depth, place);
    }
  }

  /// Some columns, and zeros up to `depth`.
  static void fill(const Operand *from, std::int64_t count, std::int64_t depth,
                   const Place &place) {
    for (std::int64_t column = 0; column < depth; column += 32) {
      Operand *to = place.first + column / 32 * place.part_stride;
      const std::int64_t width = smaller(32, depth - column);
      const std::int64_t filled = count > column ? smaller(width, count - column) : 0;
      if (filled > 0) {
        std::memcpy(to, from + column, bytes_of(filled, sizeof(Operand)));
      }
      std::memset(to + filled, 0, bytes_of(width - filled, sizeof(Operand)));
    }
  }

  /// Whether the block's rows can be read where they are.
  static bool is_plain(const Block &block) {
    return is_bf16 && block.matrix->format == Format::bf16 && block.height() == block_rows &&
           block.depth == block.count;
  }
};

} // namespace ppocrvl::kernels
