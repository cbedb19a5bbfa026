// SPDX-License-Identifier: Apache-2.0
//
// What the windows of some neighbouring pixels see of a map, laid out so that a step of the window
// is a step in memory: nothing is gathered window by window. Included by one file for each kind of
// CPU: see panels.h.
#pragma once

#include "kernels/map_kernels.h"

#include <cstdint>

namespace ppocrvl::kernels {

/// A grid has the output's pixels row by row and, behind each row, so many columns of zeros as the
/// window reaches over a side; they are what it sees left of the next row, too. Pixel (x, y) has
/// the position y * width + x. With a step of s the map is s * s grids, each with every s-th column
/// of every s-th row, so that each place of the window moves over one of them by single pixels. A
/// band is a range of positions. `Kind`: see Scalar.
///
/// A map must not be wider than the output's width times the step.
template <typename Kind> struct BandShape {
  Window window;
  std::int64_t width; // of the grid
  std::int64_t least; // offset of a place of the window, and the largest
  std::int64_t most;

  explicit BandShape(const Window &of)
      : window(of), width(of.out_width + larger(0, larger(-shift(0), shift(of.size - 1)))),
        least(-larger(0, -offset(0, 0))), most(larger(0, offset(of.size - 1, of.size - 1))) {}

  static std::int64_t larger(std::int64_t a, std::int64_t b) { return a > b ? a : b; }

  [[nodiscard]] std::int64_t n_grids() const { return window.step * window.step; }

  /// Of a row or column of the window, in rows or columns of its grid.
  [[nodiscard]] std::int64_t shift(std::int64_t index) const {
    return (index - window.padding - phase(index)) / window.step;
  }
  [[nodiscard]] std::int64_t phase(std::int64_t index) const {
    return ((index - window.padding) % window.step + window.step) % window.step;
  }
  [[nodiscard]] std::int64_t offset(std::int64_t row, std::int64_t column) const {
    return shift(row) * width + shift(column);
  }
  [[nodiscard]] std::int64_t grid(std::int64_t row, std::int64_t column) const {
    return phase(row) * window.step + phase(column);
  }

  [[nodiscard]] std::int64_t position(std::int64_t pixel) const {
    return pixel / window.out_width * width + pixel % window.out_width;
  }

  /// Panels of positions that hold some panels of pixels, wherever they begin.
  [[nodiscard]] std::int64_t computed(std::int64_t n_panels) const {
    const std::int64_t pixels = n_panels * lanes;
    const std::int64_t sides = (pixels - 1) / window.out_width + 1;
    return panels_of(pixels + (width - window.out_width) * sides);
  }

  /// Numbers from one row of a band of so many panels of positions to the next, with room for a
  /// piece that is too long: an odd multiple of 16, so that rows do not compete for the same lines
  /// of a cache.
  [[nodiscard]] std::int64_t stride(std::int64_t n_computed) const {
    return padded((n_computed + 1) * lanes + most - least, std::int64_t{32}) + 16;
  }
};

/// Where the numbers of a band come from, the same for each channel of a map.
template <typename Kind> class BandSource {
public:
  /// Numbers that lie in one panel of the map, every `step`-th. In this order they may be copied 32
  /// / step at a time: what is too much is overwritten.
  struct Piece {
    std::int32_t to;
    std::int32_t from;
  };
  /// Numbers outside of the map.
  struct Gap {
    std::int32_t begin;
    std::int32_t end;
  };

  /// Of a grid, a range of `length` positions. `memory`: see `bytes`.
  BandSource(const BandShape<Kind> &shape, std::int64_t grid, std::int64_t begin,
             std::int64_t length, std::int64_t map_stride, void *memory)
      : gaps_(static_cast<Gap *>(memory)), pieces_(reinterpret_cast<Piece *>(gaps_ + length)) {
    const Window &window = shape.window;
    const std::int64_t step = window.step;
    const std::int64_t columns = (window.in_width - grid % step + step - 1) / step;
    std::int64_t row = begin / shape.width;
    row -= row * shape.width > begin ? 1 : 0;
    for (std::int64_t start = row * shape.width - begin; start < length; start += shape.width) {
      const std::int64_t y = row++ * step + grid / step;
      const bool is_inside = y >= 0 && y < window.in_height;
      const std::int64_t middle = between(start + (is_inside ? columns : 0), length);
      for (std::int64_t to = between(start, length); to < middle;) {
        const std::int64_t x = (to - start) * step + grid % step;
        const std::int64_t pixel = y * window.in_width + x;
        pieces_[n_pieces_++] = {
            static_cast<std::int32_t>(to),
            static_cast<std::int32_t>(pixel / lanes * map_stride + pixel % lanes),
        };
        to += (lanes - pixel % lanes + step - 1) / step;
      }
      const std::int64_t end = between(start + shape.width, length);
      if (middle < end) {
        gaps_[n_gaps_++] = {static_cast<std::int32_t>(middle), static_cast<std::int32_t>(end)};
      }
    }
  }

  /// A piece and a gap for each number are more than enough.
  static std::int64_t bytes(std::int64_t length) {
    return length * std::int64_t{sizeof(Piece) + sizeof(Gap)};
  }

  [[nodiscard]] std::int64_t n_pieces() const { return n_pieces_; }
  [[nodiscard]] Piece piece(std::int64_t index) const { return pieces_[index]; }
  [[nodiscard]] std::int64_t n_gaps() const { return n_gaps_; }
  [[nodiscard]] Gap gap(std::int64_t index) const { return gaps_[index]; }

private:
  static std::int64_t between(std::int64_t value, std::int64_t most) {
    const std::int64_t least = value < 0 ? 0 : value;
    return least < most ? least : most;
  }

  Gap *gaps_;
  Piece *pieces_;
  std::int64_t n_pieces_ = 0;
  std::int64_t n_gaps_ = 0;
};

} // namespace ppocrvl::kernels
