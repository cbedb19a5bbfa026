// SPDX-License-Identifier: Apache-2.0
//
// Linear layers in int8 or int16: the frame that is the same for both.
#pragma once

#include "kernels/kernels.h"
#include "kernels/linear_layer.h"

namespace ppocrvl::kernels {

/// In place of the linear layers of `Layer`, a `LinearLayer`, with the same operands. `Numbers`
/// (`Int16Numbers`, `Int8Numbers`) has a `Workspace` in scratch memory for one block of rows and
/// some panels, `quantize_row` and `quantize_panel`, which put them there quantized, with scales,
/// `clear_row` for rows behind the last, and `multiply`, which leaves the product with a panel in
/// `work.buffers.c`; and how many panels to keep: `cached_bytes` of `panel_bytes` each, of which
/// one costs `panel_cost` products.
template <typename Layer, typename Numbers> struct IntegerLinear {
  using Range = typename Layer::Range;
  using Way = typename Layer::Way;
  using Block = typename Layer::Block;
  using Workspace = typename Numbers::Workspace;

  static constexpr LinearKernel kernel() { return {Numbers::kind, linear}; }

private:
  static void linear(const Linear &task, Share share, void *scratch) {
    const std::int64_t columns = task.matrices[0].columns;
    const std::int64_t longest = columns <= longest_row ? columns : Layer::depth_block;
    const std::int64_t step = Numbers::cached_bytes / Numbers::panel_bytes(longest);
    const Way way = Layer::way_of(task, share, longest, step, Numbers::panel_cost);
    const Workspace work(scratch, longest, step);
    for (std::int64_t panel = way.panels.begin; panel < way.panels.end; panel += step) {
      const Range panels{panel, Layer::smaller(panel + step, way.panels.end)};
      for (std::int64_t first = 0; first < columns; first += longest) {
        Block block{};
        block.first = first;
        block.count = Layer::smaller(longest, columns - first);
        for (std::int64_t p = panels.begin; p < panels.end; ++p) {
          const auto *in = static_cast<const typename Layer::Operand *>(task.in) +
                           p * Layer::operand_size(columns) + first * lanes;
          Numbers::quantize_panel(in, block.count, work, p - panel);
        }
        std::int64_t above = 0; // rows of the matrices before
        for (int i = 0; i < task.n_matrices; ++i) {
          block.matrix = &task.matrices[i];
          some_columns(task, way, block, above, panels, work);
          above += task.matrices[i].rows;
        }
      }
      if (task.out_operand != nullptr && way.part == way.parts - 1) {
        Layer::zero_padding(task.out_operand, way.n_rows, panels);
      }
    }
  }

  /// This thread's rows of a matrix, some columns of them, with some panels.
  static void some_columns(const Linear &task, const Way &way, Block block, std::int64_t above,
                           Range panels, const Workspace &work) {
    const std::int64_t n_rows = block.matrix->rows;
    const std::int64_t blocks = Layer::parts_of(n_rows, Layer::block_rows);
    const Range mine = Layer::part_of(blocks, way.part, way.parts);
    for (std::int64_t i = mine.begin; i < mine.end; ++i) {
      const std::int64_t end = Layer::smaller((i + 1) * Layer::block_rows, n_rows);
      block.rows = {i * Layer::block_rows, end};
      Block next = block;
      next.rows = {end, Layer::smaller(end + Layer::block_rows, n_rows)};
      quantize_rows(block, next, work);
      for (std::int64_t p = panels.begin; p < panels.end; ++p) {
        Numbers::multiply(work, p - panels.begin, block.count, task.n_tokens - p * lanes,
                          block.height());
        Layer::finish(task, way, block, above, p, work.buffers.c);
      }
    }
  }

  static void quantize_rows(const Block &block, const Block &next, const Workspace &work) {
    const std::int64_t n_rows = padded(block.height(), Numbers::row_group);
    for (std::int64_t row = 0; row < n_rows; ++row) {
      Layer::prefetch(next, row, n_rows);
      if (row < block.height()) {
        Numbers::quantize_row(Layer::decoded(block, row, work.buffers), block.count, work, row);
      } else {
        Numbers::clear_row(work, row);
      }
    }
  }
};

} // namespace ppocrvl::kernels
