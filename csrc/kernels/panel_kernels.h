// SPDX-License-Identifier: Apache-2.0
//
// All kernels but the innermost product, which `Product` supplies. Included by one file for each
// kind of CPU and compiled for it. `Product` is a type that the file keeps to itself, and so is
// everything here: nothing may call a function that the linker could take from such a file for all
// others.
#pragma once

#include "kernels/kernels.h"
#include "kernels/scalar.h"

namespace ppocrvl::kernels {

/// With `rounds_scores`, queries and keys are rounded once: see `score_rows`.
template <typename Product, bool rounds_scores = false> struct PanelKernels {
  using Operand = typename Product::Operand;
  using Math = Scalar<Product>;

  static constexpr bool is_half = sizeof(Operand) == 2;
  static constexpr int score_terms = is_half && !rounds_scores ? 3 : 1;
  static constexpr std::int64_t group = Product::group;
  static constexpr std::int64_t run = Product::run; // columns of a packed row that lie together

  static constexpr std::int64_t block_rows = 32;    // of weights, multiplied with a panel at a time
  static constexpr std::int64_t depth_block = 1280; // columns at a time of longer rows
  static constexpr std::int64_t key_block = 128;    // keys at a time in attention,
  static constexpr std::int64_t query_panels = 4;   // for so many panels of queries
  // What a thread keeps of the input in its caches while weights stream past: 16 panels as wide as
  // the encoder. Every pass over the panels decodes the weights again.
  static constexpr std::int64_t cached_operands = 600 << 10;

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

  // ---- operands ----

  static std::int64_t operand_size(std::int64_t n_features) {
    return operand_rows(is_half, n_features) * lanes;
  }

  /// Two rows of lanes at feature `row` (even) of an operand panel.
  static void store_pair(Operand *panel, std::int64_t row, const float *even, const float *odd) {
    Operand *to = panel + row * lanes;
    if constexpr (is_half) {
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
      if constexpr (is_half) {
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
    const std::int64_t filled = (is_half ? padded(n_features, 2) : n_features) * lanes;
    for (std::int64_t p = panels.begin; p < panels.end; ++p) {
      std::memset(static_cast<Operand *>(operands) + p * size + filled, 0,
                  bytes_of(size - filled, sizeof(Operand)));
    }
  }

  static void to_operands(const float *in, Operand *out, std::int64_t count) {
    if constexpr (is_half) {
      for (std::int64_t i = 0; i < count; ++i) {
        out[i] = static_cast<std::uint16_t>(Math::rounded_to_bf16(in[i]) >> 16U);
      }
    } else {
      std::memcpy(out, in, bytes_of(count, sizeof(float)));
    }
  }

  // ---- linear layers ----

  /// Where the packed element of a row of a group lies.
  static std::int64_t packed_index(std::int64_t row, std::int64_t column) {
    return column / run * group * run + row * run + column % run;
  }

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
      auto *room = static_cast<std::byte *>(scratch);
      packed = carve<Operand>(room, block_rows * (padded(longest, 32) + 32));
      values = carve<float>(room, longest);
      operands = carve<Operand>(room, longest);
      c = carve<float>(room, block_rows * lanes);
      end = room;
    }
  };

  /// Whether `Product` decodes the block, and not ggml.
  static bool is_decoded_here(const Block &block) {
    const Format format = block.matrix->format;
    return is_half && format != Format::bf16 && format != Format::other;
  }

  /// A row of a block as operands.
  static const Operand *decoded(const Block &block, std::int64_t row, const Buffers &buffers) {
    if constexpr (is_half) {
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
    if constexpr (is_half) {
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
    const bool has_8_rows_as_one = is_half && block.matrix->format == Format::q4_k_of_8_rows;
    for (std::int64_t row = 0; row < n_rows; ++row) {
      prefetch(next, row, n_rows);
      const Place place = place_of(block, row, buffers);
      if (row >= block.height()) {
        fill(nullptr, 0, block.depth, place);
      } else if (!has_8_rows_as_one) {
        pack_row(block, row, place, buffers);
      } else if (row % 8 == 0) {
        if constexpr (is_half) {
          Product::Formats::decode_8_rows(block.eight_rows(row), block.count, place.first,
                                          place.row_stride, place.part_stride);
        }
      }
    }
  }

  static void pack_row(const Block &block, std::int64_t row, const Place &place,
                       const Buffers &buffers) {
    if constexpr (!is_half) { // a row lies in one piece, without zeros behind it
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
    return is_half && block.matrix->format == Format::bf16 && block.height() == block_rows &&
           block.depth == block.count;
  }

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
      if (n_lanes > Product::half) {
        Product::template multiply_plain<lanes>(rows, stride, n_rows, in, block.depth, buffers.c,
                                                ahead);
      } else {
        std::memset(buffers.c, 0, bytes_of(n_rows * lanes, sizeof(float)));
        Product::template multiply_plain<Product::half>(rows, stride, n_rows, in, block.depth,
                                                        buffers.c, ahead);
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
        // All panels together may end with half a one; else somebody has whole ones.
        const std::int64_t halves = n == 1 ? parts_of(task.n_tokens, lanes / 2) : 2 * panels;
        const std::int64_t blocks = most_blocks(task, share.count / n);
        const std::int64_t work =
            halves * (blocks + panel_cost) + 2 * parts_of(panels, step) * blocks;
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
          columns_of.depth = is_half ? padded(count, 32) : count;
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
        c[i] = Math::template gelu_tanh<is_half>(c[i]);
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
    if constexpr (is_half) {
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

  // ---- layer norm ----

  /// The mean over the features of (value - shift)^power, for each lane. Long sums of float32 would
  /// lose digits, so it sums sums.
  template <int power>
  static void mean(const float *in, std::int64_t n_features, const float *shift, float *out) {
    constexpr std::int64_t rows_per_sum = 64;
    const float scale = 1.0F / static_cast<float>(n_features);
    for (std::int64_t first = 0; first < n_features; first += rows_per_sum) {
      alignas(64) float sum[lanes] = {};
      const std::int64_t last = smaller(first + rows_per_sum, n_features);
      for (std::int64_t row = first; row < last; ++row) {
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
          const float value = in[row * lanes + lane] - shift[lane];
          sum[lane] += power == 1 ? value : value * value;
        }
      }
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        out[lane] += sum[lane] * scale;
      }
    }
  }

  static void norm(const Norm &task, Share share) {
    const Range panels = part_of(task.n_panels, share);
    for (std::int64_t p = panels.begin; p < panels.end; ++p) {
      const float *in = task.in + p * task.n_features * lanes;
      alignas(64) float zero[lanes] = {};
      alignas(64) float middle[lanes] = {};
      alignas(64) float factor[lanes] = {};
      mean<1>(in, task.n_features, zero, middle);
      mean<2>(in, task.n_features, middle, factor);
      for (float &value : factor) {
        value = 1.0F / __builtin_sqrtf(value + task.epsilon);
      }
      auto *out = static_cast<Operand *>(task.out) + p * operand_size(task.n_features);
      for (std::int64_t first = 0; first < task.n_features; first += 2) {
        alignas(64) float rows[2 * lanes];
        const std::int64_t n = smaller(2, task.n_features - first);
        for (std::int64_t i = 0; i < n; ++i) {
          const std::int64_t row = first + i;
          for (std::int64_t lane = 0; lane < lanes; ++lane) {
            rows[i * lanes + lane] =
                (in[row * lanes + lane] - middle[lane]) * factor[lane] * task.weight[row] +
                task.bias[row];
          }
        }
        store_rows(out, first, rows, n);
      }
    }
    zero_padding(task.out, task.n_features, panels);
  }

  // ---- attention ----

  /// Where the parts of one head lie in what `rotate` writes.
  template <typename Element> struct Head {
    Element *q;
    Element *k;
    Element *v;
    std::int64_t qk_rows;
    std::int64_t v_rows;
    std::int64_t keys;

    Head(Element *heads, std::int64_t head, std::int64_t d_head, std::int64_t n_panels)
        : qk_rows(score_rows(is_half, score_terms, d_head)), v_rows(padded(d_head, group)),
          keys(n_panels * lanes) {
      q = heads + head * keys * (2 * qk_rows + v_rows);
      k = q + keys * qk_rows;
      v = k + keys * qk_rows;
    }

    /// One of a decoder's heads of queries, with the head of the cache that it sees.
    Head(const CacheAttention &task, std::int64_t head)
        : qk_rows(score_rows(is_half, score_terms, task.d_head)),
          v_rows(padded(task.d_head, group)), keys(padded(task.n_cells, lanes)) {
      const std::int64_t query_size = padded(task.n_tokens, lanes) * qk_rows;
      auto *operands = static_cast<Element *>(task.work);
      q = operands + head * query_size;
      k = operands + task.n_heads * query_size +
          head * task.n_cache_heads / task.n_heads * keys * (qk_rows + v_rows);
      v = k + keys * qk_rows;
    }
  };

  /// A panel of keys [rows][lanes] as packed rows: one a key.
  static void pack_keys(const Operand *panel, std::int64_t rows, Operand *out) {
    constexpr std::int64_t pair = is_half ? 2 : 1;
    for (std::int64_t key = 0; key < lanes; ++key) {
      Operand *packed = out + key / group * group * rows;
      for (std::int64_t row = 0; row < rows; row += pair) {
        std::memcpy(packed + packed_index(key % group, row), panel + row * lanes + key * pair,
                    pair * sizeof(Operand));
      }
    }
  }

  /// A panel of values as packed rows: one a feature, with keys as columns.
  static void pack_values(const float *values, std::int64_t d, const Head<Operand> &head,
                          std::int64_t panel) {
    Operand row[lanes];
    for (std::int64_t i = 0; i < head.v_rows; ++i) {
      Operand *packed = head.v + i / group * group * head.keys;
      if (i < d) {
        to_operands(values + i * lanes, row, lanes);
      } else {
        std::memset(row, 0, sizeof row);
      }
      for (std::int64_t key = 0; key < lanes; key += run) {
        std::memcpy(packed + packed_index(i % group, panel * lanes + key), row + key,
                    run * sizeof(Operand));
      }
    }
  }

  static void turn(const float *in, const float *cosines, const float *sines, std::int64_t count,
                   float scale, float *__restrict out) {
    for (std::int64_t i = 0; i < count; ++i) {
      const float a = in[i];
      const float b = in[count + i];
      out[i] = (a * cosines[i] - b * sines[i]) * scale;
      out[count + i] = (b * cosines[i] + a * sines[i]) * scale;
    }
  }

  /// Rows as the operand of scores: see `score_rows`. There is room for three times as many.
  static void store_for_scores(float *rows, std::int64_t d, bool is_query, Operand *out) {
    if constexpr (score_terms == 3) {
      float *second = rows + d * lanes;
      float *third = second + d * lanes;
      for (std::int64_t i = 0; i < d * lanes; ++i) {
        const float left = rows[i] - Math::float_of(Math::rounded_to_bf16(rows[i]));
        second[i] = is_query ? left : rows[i];
        third[i] = is_query ? rows[i] : left;
      }
    }
    store_rows(out, 0, rows, score_terms * d);
    if constexpr (is_half) {
      zero_padding(out, score_terms * d, {0, 1});
    }
  }

  static void rotate(const Rotate &task, Share share, void *scratch) {
    auto *room = static_cast<std::byte *>(scratch);
    const std::int64_t d = task.d_head;
    const std::int64_t half = d / 2;
    auto *turned = carve<float>(room, 3 * d * lanes);
    auto *keys = carve<Operand>(room, score_rows(is_half, score_terms, d) * lanes);
    // Scores are to be powers of two: log2(e).
    const float query_scale = 1.44269504F / __builtin_sqrtf(static_cast<float>(d));
    const Range panels = part_of(task.n_panels, share);
    for (std::int64_t p = panels.begin; p < panels.end; ++p) {
      const float *cosines = task.turns + p * d * lanes;
      const float *sines = cosines + half * lanes;
      for (std::int64_t h = 0; h < task.n_heads; ++h) {
        const Head<Operand> head(static_cast<Operand *>(task.out), h, d, task.n_panels);
        const auto part = [&](std::int64_t index) {
          return task.qkv + ((p * 3 + index) * task.n_heads + h) * d * lanes;
        };
        turn(part(0), cosines, sines, half * lanes, query_scale, turned);
        store_for_scores(turned, d, true, head.q + p * head.qk_rows * lanes);
        turn(part(1), cosines, sines, half * lanes, 1.0F, turned);
        store_for_scores(turned, d, false, keys);
        pack_keys(keys, head.qk_rows, head.k + p * head.qk_rows * lanes);
        pack_values(part(2), d, head, p);
      }
    }
  }

  /// In place of the score of what a query does not see, and of its greatest before the first.
  static constexpr float least = -1e30F;

  /// What attention keeps of a panel of queries while it goes through the keys.
  struct Queries {
    const Operand *panel;
    float *sums;                        // of values, weighted
    alignas(64) float reference[lanes]; // to which the weights are relative
    alignas(64) float total[lanes];     // of weights
  };

  struct AttendRoom {
    float *scores;
    Operand *weights;
    Queries *queries;

    AttendRoom(void *scratch, std::int64_t d) {
      auto *room = static_cast<std::byte *>(scratch);
      scores = carve<float>(room, key_block * lanes);
      weights = carve<Operand>(room, key_block * lanes);
      queries = carve<Queries>(room, query_panels);
      for (std::int64_t i = 0; i < query_panels; ++i) {
        queries[i].sums = carve<float>(room, padded(d, group) * lanes);
      }
    }
  };

  // Threads take items by turns: the first panels of each head, then the next. Those of a head are
  // not equally much work, the last of a picture being fewer and those of a prompt seeing more and
  // more, so counting them head by head would give one thread all the small ones.

  static void attention(const Attention &task, Share share, void *scratch) {
    const std::int64_t d = task.d_head;
    const AttendRoom room(scratch, d);
    std::int64_t first = 0; // item of the picture
    Product::begin();
    for (std::int64_t s = 0; s < task.n_segments; ++s) {
      const Segment &segment = task.segments[s];
      const std::int64_t end = segment.first_panel + segment.n_panels;
      for (std::int64_t h = 0; h < task.n_heads; ++h) {
        std::int64_t item = first + h;
        for (std::int64_t p = segment.first_panel; p < end;
             p += query_panels, item += task.n_heads) {
          if (item % share.count == share.index) {
            const Range panels{p, smaller(p + query_panels, end)};
            const Head<const Operand> head(static_cast<const Operand *>(task.heads), h, d,
                                           task.n_panels);
            const Range keys{
                segment.first_panel * lanes,
                segment.first_panel * lanes + segment.n_patches,
            };
            attend(head, d, keys, panels, nullptr, room);
            for (std::int64_t i = 0; i < panels.end - p; ++i) {
              store_attended(task, h, p + i, room.queries[i]);
            }
          }
        }
      }
      first += task.n_heads * parts_of(segment.n_panels, query_panels);
    }
    Product::end();
  }

  /// Some panels of queries of one head: softmax over blocks of keys, rescaled when a far greater
  /// score comes (M. Milakov and N. Gimelshein, Online normalizer calculation for softmax, 2018).
  /// The keys and values of a block stay in the nearest cache for all the panels. The first key is
  /// the first of a panel. `visible` has a word of bits, one a lane, for each panel and key, or is
  /// null.
  static void attend(const Head<const Operand> &head, std::int64_t d, Range all_keys, Range panels,
                     const std::uint32_t *visible, const AttendRoom &room) {
    Queries *queries = room.queries;
    const std::int64_t n = panels.end - panels.begin;
    for (std::int64_t i = 0; i < n; ++i) {
      queries[i].panel = head.q + (panels.begin + i) * head.qk_rows * lanes;
      std::memset(queries[i].sums, 0, bytes_of(head.v_rows * lanes, sizeof(float)));
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        queries[i].reference[lane] = least;
        queries[i].total[lane] = 0.0F;
      }
    }
    for (std::int64_t key = all_keys.begin; key < all_keys.end; key += key_block) {
      const Range block{key, smaller(key + key_block, all_keys.end)};
      for (std::int64_t i = 0; i < n; ++i) {
        const std::uint32_t *seen =
            visible == nullptr ? nullptr : visible + (panels.begin + i) * head.keys;
        attend_block(head, d, seen == nullptr ? block : seen_of(seen, block), seen, queries[i],
                     room);
      }
    }
  }

  /// A panel of queries and keys of a block, the first of which is the first of a panel. `visible`
  /// is of all keys, or null.
  static void attend_block(const Head<const Operand> &head, std::int64_t d, Range keys,
                           const std::uint32_t *visible, Queries &queries, const AttendRoom &room) {
    const std::int64_t n_keys = keys.end - keys.begin;
    const std::int64_t rows = padded(n_keys, lanes);
    if (n_keys == 0) {
      return;
    }
    for (std::int64_t at = 0; at < rows; at += lanes) {
      Product::multiply(head.k + (keys.begin + at) * head.qk_rows, group * head.qk_rows,
                        queries.panel, head.qk_rows, room.scores + at * lanes, lanes, false);
    }
    if (visible != nullptr) {
      hide(room.scores, visible + keys.begin, n_keys);
    }
    weigh(room.scores, n_keys, rows, room.weights, queries, d);
    Product::multiply(head.v + keys.begin * group, group * head.keys, room.weights, rows,
                      queries.sums, head.v_rows, true);
  }

  /// Without the panels of keys before the first and behind the last that some query sees.
  static Range seen_of(const std::uint32_t *visible, Range keys) {
    while (keys.begin < keys.end && !is_any_seen(visible + keys.begin)) {
      keys.begin += lanes;
    }
    for (std::int64_t last = (keys.end - 1) / lanes * lanes;
         last >= keys.begin && !is_any_seen(visible + last); last -= lanes) {
      keys.end = last;
    }
    return {smaller(keys.begin, keys.end), keys.end};
  }

  /// Of a whole panel of keys: behind the last one nothing is seen (`find_visible`).
  static bool is_any_seen(const std::uint32_t *visible) {
    std::uint32_t any = 0;
    for (std::int64_t i = 0; i < lanes; ++i) {
      any |= visible[i];
    }
    return any != 0;
  }

  static void hide(float *scores, const std::uint32_t *seen, std::int64_t keys) {
    for (std::int64_t i = 0; i < keys; ++i) {
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        const bool is_seen = ((seen[i] >> static_cast<unsigned>(lane)) & 1U) != 0;
        scores[i * lanes + lane] = is_seen ? scores[i * lanes + lane] : least;
      }
    }
  }

  /// Weights of a block of keys, powers of two of their scores relative to a reference of each
  /// query. The greatest score so far would do as one, but moving it means to rescale all sums (`d`
  /// rows), so it stays until a score is far above: weights up to 2^8 lose no digit.
  static void weigh(const float *scores, std::int64_t keys, std::int64_t rows, Operand *weights,
                    Queries &queries, std::int64_t d) {
    constexpr float far = 8.0F;
    alignas(64) float greatest[lanes];
    std::memcpy(greatest, scores, sizeof greatest);
    for (std::int64_t row = 1; row < keys; ++row) {
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        const float score = scores[row * lanes + lane];
        greatest[lane] = score > greatest[lane] ? score : greatest[lane];
      }
    }
    bool moves = false;
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      const bool is_far = greatest[lane] > queries.reference[lane] + far;
      greatest[lane] = is_far ? greatest[lane] : queries.reference[lane];
      moves = moves || is_far;
    }
    if (moves) {
      move_reference(greatest, queries, d);
    }
    alignas(64) float reference[lanes];
    alignas(64) float total[lanes];
    std::memcpy(reference, queries.reference, sizeof reference);
    std::memcpy(total, queries.total, sizeof total);
    for (std::int64_t row = 0; row < rows; row += 2) {
      alignas(64) float pair[2 * lanes] = {};
      for (std::int64_t i = row; i < smaller(row + 2, keys); ++i) {
        float *some = pair + (i - row) * lanes;
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
          some[lane] =
              Math::template power_of_two<is_half>(scores[i * lanes + lane] - reference[lane]);
          total[lane] += some[lane];
        }
      }
      store_pair(weights, row, pair, pair + lanes);
    }
    std::memcpy(queries.total, total, sizeof total);
  }

  /// What was summed relative to the old reference becomes relative to the new one.
  static void move_reference(const float *reference, Queries &queries, std::int64_t d) {
    alignas(64) float shrink[lanes];
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      shrink[lane] =
          Math::template power_of_two<is_half>(queries.reference[lane] - reference[lane]);
      queries.total[lane] *= shrink[lane];
      queries.reference[lane] = reference[lane];
    }
    for (std::int64_t row = 0; row < d; ++row) {
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        queries.sums[row * lanes + lane] *= shrink[lane];
      }
    }
  }

  static void store_attended(const Attention &task, std::int64_t h, std::int64_t panel,
                             const Queries &queries) {
    const std::int64_t d = task.d_head;
    alignas(64) float factor[lanes];
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      factor[lane] = 1.0F / queries.total[lane];
    }
    for (std::int64_t row = 0; row < d; ++row) {
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        queries.sums[row * lanes + lane] *= factor[lane];
      }
    }
    const std::int64_t n_features = task.n_heads * d;
    store_rows(static_cast<Operand *>(task.out) + panel * operand_size(n_features), h * d,
               queries.sums, d);
    if (h == task.n_heads - 1) {
      zero_padding(task.out, n_features, {panel, panel + 1});
    }
  }

  // ---- attention of a decoder ----

  static std::uint32_t *visible_of(const CacheAttention &task) {
    const Head<Operand> last(task, task.n_heads - 1);
    return reinterpret_cast<std::uint32_t *>(last.v + last.keys * last.v_rows);
  }

  /// Queries, and keys and values of the cells that some token sees, as `attend` wants them.
  static void pack_cache(const CacheAttention &task, Share share, void *scratch) {
    const std::int64_t d = task.d_head;
    auto *room = static_cast<std::byte *>(scratch);
    auto *rows = carve<float>(room, 3 * d * lanes);
    auto *packed = carve<Operand>(room, score_rows(is_half, score_terms, d) * lanes);
    const Range queries = part_of(panels_of(task.n_tokens) * task.n_heads, share);
    for (std::int64_t i = queries.begin; i < queries.end; ++i) {
      pack_queries(task, i / task.n_heads, i % task.n_heads, rows);
    }
    const Range blocks = part_of(panels_of(task.n_cells), share);
    for (std::int64_t block = blocks.begin; block < blocks.end; ++block) {
      const std::uint32_t seen = find_visible(task, block);
      for (std::int64_t h = 0; h < task.n_cache_heads; ++h) {
        const Head<Operand> head(task, h * (task.n_heads / task.n_cache_heads));
        if (seen == 0) {
          clear_values(head, block);
          continue;
        }
        load_cells(task, task.keys, block, h, seen, rows);
        store_for_scores(rows, d, false, packed);
        pack_keys(packed, head.qk_rows, head.k + block * head.qk_rows * lanes);
        load_cells(task, task.values, block, h, seen, rows);
        pack_values(rows, d, head, block);
      }
    }
  }

  static void pack_queries(const CacheAttention &task, std::int64_t panel, std::int64_t h,
                           float *rows) {
    // Scores are to be powers of two: log2(e).
    const float scale = task.scale * 1.44269504F;
    const Head<Operand> head(task, h);
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      const std::int64_t token = panel * lanes + lane;
      const bool is_token = token < task.n_tokens;
      const float *from = task.queries.at(is_token ? token : 0, h);
      for (std::int64_t i = 0; i < task.d_head; ++i) {
        rows[i * lanes + lane] = is_token ? from[i] * scale : 0.0F;
      }
    }
    store_for_scores(rows, task.d_head, true, head.q + panel * head.qk_rows * lanes);
  }

  /// The same for a panel that nobody sees at all.
  static void clear_values(const Head<Operand> &head, std::int64_t panel) {
    for (std::int64_t row = 0; row < head.v_rows; row += group) {
      std::memset(head.v + row * head.keys + panel * lanes * group, 0,
                  bytes_of(lanes * group, sizeof(Operand)));
    }
  }

  /// Notes which tokens see each of 32 cells. Bits of the cells that some token sees.
  static std::uint32_t find_visible(const CacheAttention &task, std::int64_t block) {
    std::uint32_t *visible = visible_of(task) + block * lanes;
    const std::int64_t count = smaller(lanes, task.n_cells - block * lanes);
    std::uint32_t seen = 0;
    for (std::int64_t p = 0; p < panels_of(task.n_tokens); ++p) {
      std::uint32_t words[lanes] = {};
      for (std::int64_t lane = 0; lane < smaller(lanes, task.n_tokens - p * lanes); ++lane) {
        const std::uint16_t *mask =
            task.mask + (p * lanes + lane) * task.mask_stride + block * lanes;
        for (std::int64_t i = 0; i < count; ++i) {
          words[i] |= static_cast<std::uint32_t>(mask[i] == 0) << static_cast<unsigned>(lane);
        }
      }
      std::uint32_t *to = visible + p * padded(task.n_cells, lanes);
      for (std::int64_t i = 0; i < lanes; ++i) {
        to[i] = words[i];
        seen |= static_cast<std::uint32_t>(words[i] != 0) << static_cast<unsigned>(i);
      }
    }
    return seen;
  }

  /// A float panel of 32 cells. What nobody sees is weighed by zero, so it must not be NaN.
  static void load_cells(const CacheAttention &task, const Strided<std::uint16_t> &from,
                         std::int64_t block, std::int64_t head, std::uint32_t seen, float *rows) {
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      const std::int64_t cell = block * lanes + lane;
      const bool is_seen = ((seen >> static_cast<unsigned>(lane)) & 1U) != 0;
      const std::uint16_t *values = from.at(is_seen ? cell : 0, head);
      for (std::int64_t i = 0; i < task.d_head; ++i) {
        rows[i * lanes + lane] = is_seen ? Math::float_of_half(values[i]) : 0.0F;
      }
    }
  }

  static void attend_cache(const CacheAttention &task, Share share, void *scratch) {
    const AttendRoom room(scratch, task.d_head);
    const std::int64_t n_panels = panels_of(task.n_tokens);
    Product::begin();
    for (std::int64_t h = 0; h < task.n_heads; ++h) {
      const Head<const Operand> head(task, h);
      std::int64_t item = h;
      for (std::int64_t p = 0; p < n_panels; p += query_panels, item += task.n_heads) {
        if (item % share.count != share.index) {
          continue;
        }
        const Range panels{p, smaller(p + query_panels, n_panels)};
        attend(head, task.d_head, {0, task.n_cells}, panels, visible_of(task), room);
        for (std::int64_t i = 0; i < panels.end - p; ++i) {
          store_tokens(task, h, p + i, room.queries[i]);
        }
      }
    }
    Product::end();
  }

  static void store_tokens(const CacheAttention &task, std::int64_t h, std::int64_t panel,
                           const Queries &queries) {
    const std::int64_t d = task.d_head;
    for (std::int64_t lane = 0; lane < smaller(lanes, task.n_tokens - panel * lanes); ++lane) {
      const float factor = 1.0F / queries.total[lane];
      float *to = task.out + ((panel * lanes + lane) * task.n_heads + h) * d;
      for (std::int64_t i = 0; i < d; ++i) {
        to[i] = queries.sums[i * lanes + lane] * factor;
      }
    }
  }

  // ---- between layouts ----

  static void to_panels(const float *in, float *out, std::int64_t n_features, std::int64_t n_rows,
                        Share share) {
    const Range panels = part_of(panels_of(n_rows), share);
    for (std::int64_t p = panels.begin; p < panels.end; ++p) {
      float *panel = out + p * n_features * lanes;
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        const std::int64_t row = p * lanes + lane;
        for (std::int64_t i = 0; i < n_features; ++i) {
          panel[i * lanes + lane] = row < n_rows ? in[row * n_features + i] : 0.0F;
        }
      }
    }
  }

  static void from_panels(const float *in, float *out, std::int64_t n_features, std::int64_t n_rows,
                          Share share) {
    const Range rows = part_of(n_rows, share);
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      const float *panel = in + row / lanes * n_features * lanes + row % lanes;
      for (std::int64_t i = 0; i < n_features; ++i) {
        out[row * n_features + i] = panel[i * lanes];
      }
    }
  }

  static void to_operand(const float *in, void *out, std::int64_t n_features, std::int64_t n_panels,
                         Share share) {
    const Range panels = part_of(n_panels, share);
    for (std::int64_t p = panels.begin; p < panels.end; ++p) {
      store_rows(static_cast<Operand *>(out) + p * operand_size(n_features), 0,
                 in + p * n_features * lanes, n_features);
    }
    zero_padding(out, n_features, panels);
  }

  static void rows_to_operand(const float *in, void *out, std::int64_t n_features,
                              std::int64_t n_rows, Share share) {
    constexpr std::int64_t block = 32; // features
    const Range blocks = part_of(padded(n_features, block) / block, share);
    for (std::int64_t p = 0; p < panels_of(n_rows); ++p) {
      Operand *panel = static_cast<Operand *>(out) + p * operand_size(n_features);
      const std::int64_t n_lanes = smaller(lanes, n_rows - p * lanes);
      for (std::int64_t b = blocks.begin; b < blocks.end; ++b) {
        const std::int64_t first = b * block;
        const std::int64_t count = smaller(block, n_features - first);
        const float *from = in + p * lanes * n_features + first;
        Operand *to = panel + first * lanes;
        if constexpr (is_half) {
          Product::Pairs::store_columns(to, from, n_features, n_lanes, count);
        } else {
          for (std::int64_t i = 0; i < count; ++i) {
            for (std::int64_t lane = 0; lane < lanes; ++lane) {
              to[i * lanes + lane] = lane < n_lanes ? from[lane * n_features + i] : 0.0F;
            }
          }
        }
      }
    }
  }

  static constexpr OperandLayout operands{is_half, score_terms, group};

  static constexpr LinearKernel linear_kernel() {
    return {is_half ? LinearNumbers::bfloat16 : LinearNumbers::float32, linear};
  }

  static constexpr VisionKernels vision(const char *name) {
    return {
        name,   Product::has_tiles, operands,  linear_kernel(), linear_kernel(), norm,
        rotate, attention,          to_panels, from_panels,     to_operand,
    };
  }

  static constexpr DecoderKernels decoder(const char *name) {
    return {
        name,
        Product::has_tiles,
        operands,
        linear,
        rows_to_operand,
        pack_cache,
        attend_cache,
        /*few_tokens=*/nullptr,
        /*few_queries=*/nullptr,
    };
  }
};

} // namespace ppocrvl::kernels
