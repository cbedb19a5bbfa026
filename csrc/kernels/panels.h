// SPDX-License-Identifier: Apache-2.0
//
// What all kernels share: parts of the work, scratch memory, and panels of operands.
//
// This and the headers on top of it are included by one file for each kind of CPU and compiled for
// it. `Product` is the innermost product, a type that the file keeps to itself, and so is
// everything here: nothing may call a function that the linker could take from such a file for all
// others.
#pragma once

#include "kernels/kernels.h"
#include "kernels/scalar.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ppocrvl::kernels {

/// `Product`: VectorProduct or TileProduct.
template <typename Product> struct Panels {
  using Operand = typename Product::Operand;
  using Math = Scalar<Product>;

  static constexpr bool is_bf16 = sizeof(Operand) == 2;
  static constexpr std::int64_t group = Product::group;
  static constexpr std::int64_t run = Product::run; // columns of a packed row that lie together

  struct Range {
    std::int64_t begin;
    std::int64_t end;
  };

  static std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

  /// How many parts of a size a count has, the last of which may be smaller.
  static std::int64_t parts_of(std::int64_t count, std::int64_t size) {
    return (count + size - 1) / size;
  }

  static Range part_of(std::int64_t count, std::int64_t index, std::int64_t parts) {
    return {count * index / parts, count * (index + 1) / parts};
  }

  static Range part_of(std::int64_t count, Share share) {
    return part_of(count, share.index, share.count);
  }

  static std::size_t bytes_of(std::int64_t count, std::size_t size) {
    return static_cast<std::size_t>(count) * size;
  }

  /// A piece of scratch memory, aligned to 64 bytes.
  template <typename T> static T *carve(std::byte *&scratch, std::int64_t count) {
    T *piece = reinterpret_cast<T *>(scratch);
    scratch += padded(count * static_cast<std::int64_t>(sizeof(T)), 64);
    return piece;
  }

  static std::int64_t operand_size(std::int64_t n_features) {
    return operand_rows(is_bf16, n_features) * lanes;
  }

  /// Two rows of lanes at feature `row` (even) of an operand panel.
  static void store_pair(Operand *panel, std::int64_t row, const float *even, const float *odd) {
    Operand *to = panel + row * lanes;
    if constexpr (is_bf16) {
      Product::Pairs::store(to, even, odd);
    } else {
      std::memcpy(to, even, lanes * sizeof(float));
      std::memcpy(to + lanes, odd, lanes * sizeof(float));
    }
  }

  /// Rows of float panels to an operand panel, from feature `first` (even) on. After an odd number
  /// of them comes a row of zeros if operands are in pairs.
  static void store_rows(Operand *panel, std::int64_t first, const float *rows,
                         std::int64_t n_rows) {
    std::int64_t row = 0;
    for (; row + 1 < n_rows; row += 2) {
      store_pair(panel, first + row, rows + row * lanes, rows + (row + 1) * lanes);
    }
    if (row < n_rows) {
      if constexpr (is_bf16) {
        static constexpr float nothing[lanes] = {};
        store_pair(panel, first + row, rows + row * lanes, nothing);
      } else {
        std::memcpy(panel + (first + row) * lanes, rows + row * lanes, lanes * sizeof(float));
      }
    }
  }

  /// The rows behind the last feature of operand panels, and its pair.
  static void zero_padding(void *operands, std::int64_t n_features, Range panels) {
    const std::int64_t size = operand_size(n_features);
    const std::int64_t filled = (is_bf16 ? padded(n_features, 2) : n_features) * lanes;
    for (std::int64_t p = panels.begin; p < panels.end; ++p) {
      std::memset(static_cast<Operand *>(operands) + p * size + filled, 0,
                  bytes_of(size - filled, sizeof(Operand)));
    }
  }

  static void to_operands(const float *in, Operand *out, std::int64_t count) {
    if constexpr (is_bf16) {
      for (std::int64_t i = 0; i < count; ++i) {
        out[i] = static_cast<std::uint16_t>(Math::rounded_to_bf16(in[i]) >> 16U);
      }
    } else {
      std::memcpy(out, in, bytes_of(count, sizeof(float)));
    }
  }

  /// Where the packed element of a row of a group lies.
  static std::int64_t packed_index(std::int64_t row, std::int64_t column) {
    return column / run * group * run + row * run + column % run;
  }
};

} // namespace ppocrvl::kernels
