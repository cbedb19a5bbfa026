// SPDX-License-Identifier: Apache-2.0
//
// Linear layers: blocks of weights times panels, and what follows them in the same pass: bias,
// GELU, residual, the output's layout.
#pragma once

#include "kernels/weight_blocks.h"

#include <cstdint>
#include <cstring>

namespace ppocrvl::kernels {

/// See `Linear`.
template <typename Product> struct LinearLayer : WeightBlocks<Product> {
  using Base = WeightBlocks<Product>;
  using Block = typename Base::Block;
  using Buffers = typename Base::Buffers;
  using Math = typename Base::Math;
  using Operand = typename Base::Operand;
  using Range = typename Base::Range;
  using Base::block_rows;
  using Base::bytes_of;
  using Base::group;
  using Base::is_bf16;
  using Base::is_plain;
  using Base::operand_size;
  using Base::pack;
  using Base::part_of;
  using Base::parts_of;
  using Base::prefetch;
  using Base::row_stride;
  using Base::run;
  using Base::smaller;
  using Base::store_rows;
  using Base::zero_padding;

  static constexpr std::int64_t depth_block = 1280; // columns at a time of longer rows
  // What a thread keeps of the input in its caches while weights stream past: 16 panels as wide as
  // the encoder. Every pass over the panels decodes the weights again.
  static constexpr std::int64_t cached_operands = 600 << 10;

  /// A block's product with a panel that has so many lanes in use. Some panels share the next
  /// block's prefetch.
  static void multiply(const Block &block, const Block &next, const Operand *in,
                       std::int64_t n_lanes, Range part, const Buffers &buffers) {
    const bool plain = is_plain(block);
    const auto row_bytes = static_cast<std::int64_t>(block.matrix->row_bytes);
    if constexpr (Product::has_tiles) {
      if (!plain) {
        Product::multiply(buffers.packed, group * block.depth, in, block.depth, buffers.c,
                          padded(block.height(), group), false);
        return;
      }
      const std::int64_t steps = block.depth / run;
      const auto ahead = [&](std::int64_t step) {
        prefetch(next, part.begin * steps + step, part.end * steps);
      };
      Product::multiply_plain(block.row(0), row_bytes, in, block.depth, buffers.c, ahead);
    } else {
      const std::int64_t steps = block_rows / group;
      const auto ahead = [&](std::int64_t step) {
        if (plain) {
          prefetch(next, part.begin * steps + step, part.end * steps);
        }
      };
      const Operand *rows =
          plain ? reinterpret_cast<const Operand *>(block.row(0)) : buffers.packed;
      const std::int64_t stride =
          plain ? row_bytes / std::int64_t{sizeof(Operand)} : row_stride(block);
      const std::int64_t n_rows = padded(block.height(), group);
      if (n_lanes > Product::sixteen_lanes) {
        Product::template multiply_plain<lanes>(rows, stride, n_rows, in, block.depth, buffers.c,
                                                ahead);
      } else {
        std::memset(buffers.c, 0, bytes_of(n_rows * lanes, sizeof(float)));
        Product::template multiply_plain<Product::sixteen_lanes>(rows, stride, n_rows, in,
                                                                 block.depth, buffers.c, ahead);
      }
    }
  }

  /// Adds bias and what was before, each unless null, to rows of results.
  static void add_to(float *c, std::int64_t n_rows, const float *bias, const float *before) {
    for (std::int64_t row = 0; row < n_rows; ++row) {
      float *values = c + row * lanes;
      const float shift = bias == nullptr ? 0.0F : bias[row];
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        values[lane] += shift;
      }
      for (std::int64_t lane = 0; before != nullptr && lane < lanes; ++lane) {
        values[lane] += before[row * lanes + lane];
      }
    }
  }

  /// How one thread goes through a linear layer.
  struct Way {
    Range panels;
    std::int64_t step;    // panels at a time
    std::int64_t longest; // columns at a time
    std::int64_t part;    // of the rows
    std::int64_t parts;   // of the rows
    std::int64_t n_rows;  // of all matrices
  };

  /// Threads divide the panels, the rows, or both, such that the busiest has the least to do: it
  /// multiplies blocks of rows with panels, and prepares each block once a pass and each panel, the
  /// latter for as long as `panel_cost` products take. If all is equal, they divide the panels,
  /// each of which then stays with one core.
  static Way way_of(const Linear &task, Share share, std::int64_t longest, std::int64_t step,
                    std::int64_t panel_cost) {
    Way way{};
    way.longest = longest;
    way.step = step;
    for (int i = 0; i < task.n_matrices; ++i) {
      way.n_rows += task.matrices[i].rows;
    }
    std::int64_t across = 1;
    std::int64_t least_work = -1;
    for (std::int64_t n = 1; n <= share.count; ++n) {
      if (share.count % n == 0) {
        const std::int64_t panels = parts_of(panels_of(task.n_tokens), n);
        // Of all panels together the last may need 16 lanes alone; else somebody has whole ones.
        const std::int64_t sixteens = n == 1 ? parts_of(task.n_tokens, lanes / 2) : 2 * panels;
        const std::int64_t blocks = most_blocks(task, share.count / n);
        const std::int64_t work =
            sixteens * (blocks + panel_cost) + 2 * parts_of(panels, step) * blocks;
        if (least_work < 0 || work <= least_work) {
          least_work = work;
          across = n;
        }
      }
    }
    way.panels = part_of(panels_of(task.n_tokens), share.index % across, across);
    way.part = share.index / across;
    way.parts = share.count / across;
    return way;
  }

  /// Blocks of rows that the busiest of some threads has.
  static std::int64_t most_blocks(const Linear &task, std::int64_t threads) {
    std::int64_t most = 0;
    for (int i = 0; i < task.n_matrices; ++i) {
      most += parts_of(parts_of(task.matrices[i].rows, block_rows), threads);
    }
    return most;
  }

  static void linear(const Linear &task, Share share, void *scratch) {
    const std::int64_t columns = task.matrices[0].columns;
    const std::int64_t longest = columns <= longest_row ? columns : depth_block;
    const std::int64_t step = cached_operands / (padded(longest, 32) * lanes);
    const Way way = way_of(task, share, longest, step, 0);
    const Buffers buffers(scratch, way.longest);
    Product::begin();
    for (std::int64_t panel = way.panels.begin; panel < way.panels.end; panel += way.step) {
      const Range panels{panel, smaller(panel + way.step, way.panels.end)};
      for (std::int64_t first = 0; first < columns; first += way.longest) {
        const std::int64_t count = smaller(way.longest, columns - first);
        std::int64_t above = 0; // rows of the matrices before
        for (int i = 0; i < task.n_matrices; ++i) {
          Block columns_of{};
          columns_of.matrix = &task.matrices[i];
          columns_of.first = first;
          columns_of.count = count;
          columns_of.depth = is_bf16 ? padded(count, 32) : count;
          some_columns(task, way, columns_of, above, panels, buffers);
          above += task.matrices[i].rows;
        }
      }
      if (task.out_operand != nullptr && way.part == way.parts - 1) {
        zero_padding(task.out_operand, way.n_rows, panels);
      }
    }
    Product::end();
  }

  /// This thread's rows of a matrix, some columns of them, with some panels.
  static void some_columns(const Linear &task, const Way &way, Block block, std::int64_t above,
                           Range panels, const Buffers &buffers) {
    const std::int64_t n_rows = block.matrix->rows;
    const std::int64_t blocks = parts_of(n_rows, block_rows);
    const Range mine = part_of(blocks, way.part, way.parts);
    for (std::int64_t i = mine.begin; i < mine.end; ++i) {
      block.rows = {i * block_rows, smaller((i + 1) * block_rows, n_rows)};
      Block next = block;
      next.rows = {block.rows.end, smaller(block.rows.end + block_rows, n_rows)};

      if (!is_plain(block)) {
        pack(block, next, buffers);
      }
      for (std::int64_t p = panels.begin; p < panels.end; ++p) {
        const Operand *in = static_cast<const Operand *>(task.in) +
                            p * operand_size(block.matrix->columns) + block.first * lanes;
        multiply(block, next, in, task.n_tokens - p * lanes,
                 {p - panels.begin, panels.end - panels.begin}, buffers);
        finish(task, way, block, above, p, buffers.c);
      }
    }
  }

  /// Puts a block's product with a panel where it belongs.
  static void finish(const Linear &task, const Way &way, const Block &block, std::int64_t above,
                     std::int64_t panel, float *c) {
    const bool is_first = block.first == 0;
    const float *bias = block.matrix->bias;
    bias = is_first && bias != nullptr ? bias + block.rows.begin : nullptr;
    const std::int64_t n_rows = block.height();
    const std::int64_t row = above + block.rows.begin;
    if (task.out_rows != nullptr) {
      add_to(c, n_rows, bias, nullptr);
      store_transposed(c, n_rows, is_first, task.out_rows + panel * lanes * way.n_rows + row,
                       way.n_rows, smaller(lanes, task.n_tokens - panel * lanes));
      return;
    }
    if (task.out_operand != nullptr) {
      add_to(c, n_rows, bias, nullptr);
      for (std::int64_t i = 0; i < n_rows * lanes; ++i) {
        c[i] = Math::template gelu_tanh<is_bf16>(c[i]);
      }
      store_rows(static_cast<Operand *>(task.out_operand) + panel * operand_size(way.n_rows), row,
                 c, n_rows);
      return;
    }
    const std::int64_t place = (panel * way.n_rows + row) * lanes;
    const float *before = task.out + place;
    if (is_first) {
      before = task.residual == nullptr ? nullptr : task.residual + place;
    }
    add_to(c, n_rows, bias, before);
    std::memcpy(task.out + place, c, bytes_of(n_rows * lanes, sizeof(float)));
  }

  /// Rows of lanes to the first of their lanes as rows, in place of what is there or added to it.
  static void store_transposed(const float *c, std::int64_t n_rows, bool is_first, float *to,
                               std::int64_t stride, std::int64_t n_lanes) {
    if constexpr (is_bf16) {
      if (n_rows == block_rows) {
        constexpr std::int64_t size = 16;
        for (std::int64_t lane = 0; lane < n_lanes; lane += size) {
          for (std::int64_t row = 0; row < n_rows; row += size) {
            Product::Pairs::store_square(c + row * lanes + lane, to + lane * stride + row, stride,
                                         n_lanes - lane, !is_first);
          }
        }
        return;
      }
    }
    for (std::int64_t lane = 0; lane < n_lanes; ++lane, to += stride) {
      for (std::int64_t row = 0; row < n_rows; ++row) {
        to[row] = c[row * lanes + lane] + (is_first ? 0.0F : to[row]);
      }
    }
  }

  static constexpr LinearKernel kernel() {
    return {is_bf16 ? LinearNumbers::bfloat16 : LinearNumbers::float32, linear};
  }
};

} // namespace ppocrvl::kernels
