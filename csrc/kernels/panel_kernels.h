// SPDX-License-Identifier: Apache-2.0
//
// All kernels but the innermost product, which `Product` supplies. Included by one file for each
// kind of CPU and compiled for it; so nothing here may have external linkage, and nothing may call
// a function of the standard library that the linker could take from such a file for all others.
#pragma once

#include "kernels/kernels.h"
#include "kernels/scalar.h"

#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

namespace {

using namespace ppocrvl::kernels;

constexpr std::int64_t block_rows = 32;    // of weights, multiplied with one panel at a time
constexpr std::int64_t depth_block = 1280; // columns at a time of longer rows
constexpr std::int64_t key_block = 128;    // keys at a time in attention,
constexpr std::int64_t query_panels = 4;   // for so many panels of queries
// What a thread keeps of the input in its second-level cache while weights stream past.
constexpr std::int64_t cached_bytes = 1200 << 10;
constexpr std::int64_t panels_to_split = 4; // a thread takes panels if it gets that many

inline std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

struct Range {
  std::int64_t begin;
  std::int64_t end;
};

inline Range part_of(std::int64_t count, std::int64_t index, std::int64_t parts) {
  return {count * index / parts, count * (index + 1) / parts};
}

/// Two rows of lanes at feature `row` (even) of an operand panel.
inline void store_pair(std::uint16_t *panel, std::int64_t row, const float *even,
                       const float *odd) {
  auto *out = reinterpret_cast<std::uint32_t *>(panel + row * lanes);
#ifdef __AVX512BF16__
  // Numbers below 2^-126 become zero here.
  const __m512i interleaved =
      _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, //
                       23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  for (std::int64_t lane = 0; lane < lanes; lane += 16) {
    const auto halves = reinterpret_cast<__m512i>(
        _mm512_cvtne2ps_pbh(_mm512_loadu_ps(odd + lane), _mm512_loadu_ps(even + lane)));
    _mm512_storeu_si512(out + lane, _mm512_permutexvar_epi16(interleaved, halves));
  }
#else
  for (std::int64_t lane = 0; lane < lanes; ++lane) {
    out[lane] = (rounded_to_bf16(even[lane]) >> 16U) | rounded_to_bf16(odd[lane]);
  }
#endif
}

inline void store_pair(float *panel, std::int64_t row, const float *even, const float *odd) {
  std::memcpy(panel + row * lanes, even, lanes * sizeof(float));
  std::memcpy(panel + (row + 1) * lanes, odd, lanes * sizeof(float));
}

inline void store_single(std::uint16_t *panel, std::int64_t row, const float *values) {
  auto *out = reinterpret_cast<std::uint32_t *>(panel + row * lanes);
  for (std::int64_t lane = 0; lane < lanes; ++lane) {
    out[lane] = rounded_to_bf16(values[lane]) >> 16U;
  }
}

inline void store_single(float *panel, std::int64_t row, const float *values) {
  std::memcpy(panel + row * lanes, values, lanes * sizeof(float));
}

inline void to_operands(const float *in, std::uint16_t *out, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    out[i] = static_cast<std::uint16_t>(rounded_to_bf16(in[i]) >> 16U);
  }
}

inline void to_operands(const float *in, float *out, std::int64_t count) {
  std::memcpy(out, in, static_cast<std::size_t>(count) * sizeof(float));
}

/// A piece of scratch memory, aligned to 64 bytes.
template <typename T> T *carve(std::byte *&scratch, std::int64_t count) {
  T *piece = reinterpret_cast<T *>(scratch);
  scratch += padded(count * static_cast<std::int64_t>(sizeof(T)), 64);
  return piece;
}

template <typename Product> struct PanelKernels {
  using Operand = typename Product::Operand;
  static constexpr bool is_half = sizeof(Operand) == 2;
  static constexpr std::int64_t group = Product::group;
  static constexpr std::int64_t run = Product::run; // columns of a packed row that lie together

  static std::int64_t operand_size(std::int64_t n_features) {
    return operand_rows(is_half, n_features) * lanes;
  }

  /// Where the packed element of a row of a group lies.
  static std::int64_t packed_index(std::int64_t row, std::int64_t column) {
    return column / run * group * run + row * run + column % run;
  }

  /// Columns [first, first + count) of up to `block_rows` rows, packed, with zeros up to `depth`
  /// columns and up to whole groups of rows.
  static void pack(const Matrix &matrix, Range rows, std::int64_t first, std::int64_t count,
                   std::int64_t depth, Operand *out, float *values, Operand *operands) {
    const std::int64_t n_rows = rows.end - rows.begin;
    for (std::int64_t row = 0; row < padded(n_rows, group); ++row) {
      Operand *packed = out + row / group * group * depth;
      const Operand *source = operands;
      std::int64_t filled = 0;
      if (row < n_rows) {
        const auto *bytes =
            static_cast<const std::byte *>(matrix.data) +
            static_cast<std::size_t>(rows.begin + row) * matrix.row_bytes +
            static_cast<std::size_t>(first / matrix.block_columns) * matrix.block_bytes;
        if (is_half && matrix.is_bf16) {
          source = reinterpret_cast<const Operand *>(bytes);
        } else {
          matrix.to_float(bytes, values, count);
          to_operands(values, operands, count);
        }
        filled = count;
      }
      std::int64_t column = 0;
      for (; column + run <= filled; column += run) {
        std::memcpy(packed + packed_index(row % group, column), source + column,
                    static_cast<std::size_t>(run) * sizeof(Operand));
      }
      for (; column < depth; ++column) {
        packed[packed_index(row % group, column)] = column < filled ? source[column] : Operand{};
      }
    }
  }

  static void prefetch(const Matrix &matrix, Range rows, std::int64_t first, std::int64_t count,
                       Range part) {
    const std::int64_t n_rows = rows.end - rows.begin;
    const auto bytes =
        static_cast<std::int64_t>(matrix.block_bytes) * (count / matrix.block_columns);
    const auto *start = static_cast<const char *>(matrix.data) +
                        static_cast<std::size_t>(first / matrix.block_columns) * matrix.block_bytes;
    const Range wanted = part_of(n_rows, part.begin, part.end);
    for (std::int64_t row = wanted.begin; row < wanted.end; ++row) {
      const char *line = start + static_cast<std::size_t>(rows.begin + row) * matrix.row_bytes;
      for (std::int64_t at = 0; at < bytes; at += 64) {
        __builtin_prefetch(line + at, 0, 2);
      }
    }
  }

  /// Adds bias, and what is in `out` or `residual` already, to a block of results.
  static void finish(float *c, std::int64_t n_rows, const float *bias, const float *residual) {
    for (std::int64_t row = 0; row < n_rows; ++row) {
      float *values = c + row * lanes;
      const float shift = bias == nullptr ? 0.0F : bias[row];
      if (residual == nullptr) {
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
          values[lane] += shift;
        }
      } else {
        const float *before = residual + row * lanes;
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
          values[lane] += shift + before[lane];
        }
      }
    }
  }

  static void store_activated(float *c, std::int64_t n_rows, Operand *panel, std::int64_t row) {
    for (std::int64_t i = 0; i < n_rows * lanes; ++i) {
      c[i] = gelu_tanh<is_half>(c[i]);
    }
    std::int64_t i = 0;
    for (; i + 1 < n_rows; i += 2) {
      store_pair(panel, row + i, c + i * lanes, c + (i + 1) * lanes);
    }
    if (i < n_rows) {
      store_single(panel, row + i, c + i * lanes);
    }
  }

  static void linear(const Linear &task, Share share, void *scratch) {
    const std::int64_t columns = task.matrices[0].columns;
    const std::int64_t longest = columns <= longest_row ? columns : depth_block;
    auto *room = static_cast<std::byte *>(scratch);
    auto *packed = carve<Operand>(room, block_rows * padded(longest, 32));
    auto *values = carve<float>(room, longest);
    auto *operands = carve<Operand>(room, longest);
    auto *c = carve<float>(room, block_rows * lanes);

    std::int64_t n_rows = 0;
    for (int i = 0; i < task.n_matrices; ++i) {
      n_rows += task.matrices[i].rows;
    }
    const std::int64_t in_size = operand_size(columns);
    const std::int64_t out_size = operand_size(n_rows);
    // Threads divide the panels, each of which then stays with one core; a short input is not
    // enough for all, so some divide the rows instead.
    std::int64_t across = 1;
    for (std::int64_t n = 1; n <= share.count; ++n) {
      if (share.count % n == 0 && task.n_panels / n >= panels_to_split) {
        across = n;
      }
    }
    const Range panels = part_of(task.n_panels, share.index % across, across);
    const std::int64_t down = share.count / across;
    const std::int64_t step = smaller(
        panels.end - panels.begin,
        cached_bytes / (padded(longest, 32) * lanes * static_cast<std::int64_t>(sizeof(Operand))));
    Product::begin();
    for (std::int64_t panel = panels.begin; panel < panels.end; panel += step) {
      const Range some{panel, smaller(panel + step, panels.end)};
      for (std::int64_t first = 0; first < columns; first += longest) {
        const std::int64_t count = smaller(longest, columns - first);
        const std::int64_t depth = is_half ? padded(count, 32) : count;
        std::int64_t above = 0; // rows of the matrices before
        for (int i = 0; i < task.n_matrices; ++i) {
          const Matrix &matrix = task.matrices[i];
          const std::int64_t blocks = padded(matrix.rows, block_rows) / block_rows;
          const Range mine = part_of(blocks, share.index / across, down);
          for (std::int64_t block = mine.begin; block < mine.end; ++block) {
            const Range rows{block * block_rows, smaller((block + 1) * block_rows, matrix.rows)};
            const Range next{rows.end, smaller(rows.end + block_rows, matrix.rows)};
            const std::int64_t height = rows.end - rows.begin;
            pack(matrix, rows, first, count, depth, packed, values, operands);
            const float *bias =
                first > 0 || matrix.bias == nullptr ? nullptr : matrix.bias + rows.begin;
            const std::int64_t row = above + rows.begin;
            for (std::int64_t p = some.begin; p < some.end; ++p) {
              const auto *in = static_cast<const Operand *>(task.in) + p * in_size + first * lanes;
              Product::multiply(packed, group * depth, in, depth, c, padded(height, group), false);
              prefetch(matrix, next, first, count, {p - some.begin, some.end - some.begin});
              if (task.out == nullptr) {
                finish(c, height, bias, nullptr);
                store_activated(c, height, static_cast<Operand *>(task.out_operand) + p * out_size,
                                row);
                continue;
              }
              float *out = task.out + (p * n_rows + row) * lanes;
              const float *before = out;
              if (first == 0) {
                before =
                    task.residual == nullptr ? nullptr : task.residual + (p * n_rows + row) * lanes;
              }
              finish(c, height, bias, before);
              std::memcpy(out, c, static_cast<std::size_t>(height * lanes) * sizeof(float));
            }
          }
          above += matrix.rows;
        }
      }
      if (task.out == nullptr && share.index / across == down - 1) {
        zero_padding(static_cast<Operand *>(task.out_operand), n_rows, some);
      }
    }
    Product::end();
  }

  /// The rows behind the last feature of operand panels.
  static void zero_padding(Operand *operand, std::int64_t n_features, Range panels) {
    const std::int64_t size = operand_size(n_features);
    const std::int64_t filled = is_half ? padded(n_features, 2) * lanes : n_features * lanes;
    for (std::int64_t p = panels.begin; p < panels.end; ++p) {
      std::memset(operand + p * size + filled, 0,
                  static_cast<std::size_t>(size - filled) * sizeof(Operand));
    }
  }

  static void norm(const Norm &task, Share share) {
    constexpr std::int64_t rows_per_sum = 64; // long sums of float32 would lose digits
    const Range panels = part_of(task.n_panels, share.index, share.count);
    const float scale = 1.0F / static_cast<float>(task.n_features);
    for (std::int64_t p = panels.begin; p < panels.end; ++p) {
      const float *in = task.in + p * task.n_features * lanes;
      alignas(64) float mean[lanes] = {};
      alignas(64) float factor[lanes] = {};
      for (std::int64_t first = 0; first < task.n_features; first += rows_per_sum) {
        alignas(64) float sum[lanes] = {};
        const std::int64_t last = smaller(first + rows_per_sum, task.n_features);
        for (std::int64_t row = first; row < last; ++row) {
          for (std::int64_t lane = 0; lane < lanes; ++lane) {
            sum[lane] += in[row * lanes + lane];
          }
        }
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
          mean[lane] += sum[lane] * scale;
        }
      }
      for (std::int64_t first = 0; first < task.n_features; first += rows_per_sum) {
        alignas(64) float sum[lanes] = {};
        const std::int64_t last = smaller(first + rows_per_sum, task.n_features);
        for (std::int64_t row = first; row < last; ++row) {
          for (std::int64_t lane = 0; lane < lanes; ++lane) {
            const float difference = in[row * lanes + lane] - mean[lane];
            sum[lane] += difference * difference;
          }
        }
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
          factor[lane] += sum[lane] * scale;
        }
      }
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        factor[lane] = 1.0F / __builtin_sqrtf(factor[lane] + task.epsilon);
      }
      auto *out = static_cast<Operand *>(task.out) + p * operand_size(task.n_features);
      alignas(64) float pair[2][lanes];
      for (std::int64_t row = 0; row < task.n_features; row += 2) {
        const std::int64_t n = smaller(2, task.n_features - row);
        for (std::int64_t i = 0; i < n; ++i) {
          for (std::int64_t lane = 0; lane < lanes; ++lane) {
            pair[i][lane] =
                (in[(row + i) * lanes + lane] - mean[lane]) * factor[lane] * task.weight[row + i] +
                task.bias[row + i];
          }
        }
        if (n == 2) {
          store_pair(out, row, pair[0], pair[1]);
        } else {
          store_single(out, row, pair[0]);
        }
      }
    }
    zero_padding(static_cast<Operand *>(task.out), task.n_features, panels);
  }

  /// Where the parts of one head lie in what `rotate` writes.
  struct Head {
    Operand *q;
    Operand *k;
    Operand *v;
    std::int64_t qk_rows;
    std::int64_t v_rows;
    std::int64_t keys;

    Head(void *heads, std::int64_t head, std::int64_t d_head, std::int64_t n_panels)
        : q(static_cast<Operand *>(heads)), k(nullptr), v(nullptr),
          qk_rows(operand_rows(is_half, d_head)), v_rows(padded(d_head, group)),
          keys(n_panels * lanes) {
      q += head * keys * (2 * qk_rows + v_rows);
      k = q + keys * qk_rows;
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

  static void turn(const float *in, const float *cosines, const float *sines, std::int64_t count,
                   float scale, float *__restrict out) {
    for (std::int64_t i = 0; i < count; ++i) {
      const float a = in[i];
      const float b = in[count + i];
      out[i] = (a * cosines[i] - b * sines[i]) * scale;
      out[count + i] = (b * cosines[i] + a * sines[i]) * scale;
    }
  }

  static void rotate(const Rotate &task, Share share, void *scratch) {
    auto *room = static_cast<std::byte *>(scratch);
    const std::int64_t d = task.d_head;
    const std::int64_t half = d / 2;
    auto *turned = carve<float>(room, d * lanes);
    auto *operand = carve<Operand>(room, operand_size(d));
    const float query_scale = 1.44269504F / __builtin_sqrtf(static_cast<float>(d)); // log2(e)
    const Range panels = part_of(task.n_panels, share.index, share.count);
    for (std::int64_t p = panels.begin; p < panels.end; ++p) {
      const float *cosines = task.turns + p * d * lanes;
      const float *sines = cosines + half * lanes;
      for (std::int64_t h = 0; h < task.n_heads; ++h) {
        const Head head(task.out, h, d, task.n_panels);
        for (int part = 0; part < 2; ++part) {
          const float *in = task.qkv + ((p * 3 + part) * task.n_heads + h) * d * lanes;
          turn(in, cosines, sines, half * lanes, part == 0 ? query_scale : 1.0F, turned);
          Operand *out = part == 0 ? head.q + p * head.qk_rows * lanes : operand;
          for (std::int64_t row = 0; row < d; row += 2) {
            store_pair(out, row, turned + row * lanes, turned + (row + 1) * lanes);
          }
          std::memset(out + d * lanes, 0,
                      static_cast<std::size_t>((head.qk_rows - d) * lanes) * sizeof(Operand));
          if (part == 1) {
            pack_keys(operand, head.qk_rows, head.k + p * head.qk_rows * lanes);
          }
        }
        const float *values = task.qkv + ((p * 3 + 2) * task.n_heads + h) * d * lanes;
        pack_values(values, d, head, p);
      }
    }
  }

  /// A panel of values as packed rows: one a feature, with keys as columns.
  static void pack_values(const float *values, std::int64_t d, const Head &head, std::int64_t p) {
    Operand row[lanes];
    for (std::int64_t i = 0; i < head.v_rows; ++i) {
      Operand *packed = head.v + i / group * group * head.keys;
      if (i < d) {
        to_operands(values + i * lanes, row, lanes);
      } else {
        std::memset(row, 0, sizeof row);
      }
      for (std::int64_t key = 0; key < lanes; key += run) {
        std::memcpy(packed + packed_index(i % group, p * lanes + key), row + key,
                    run * sizeof(Operand));
      }
    }
  }

  /// What attention keeps of a panel of queries while it goes through the keys.
  struct Queries {
    const Operand *panel;
    float *sums; // of values, weighted
    alignas(64) float greatest[lanes];
    alignas(64) float total[lanes]; // of weights
  };

  static void attention(const Attention &task, Share share, void *scratch) {
    const std::int64_t d = task.d_head;
    auto *room = static_cast<std::byte *>(scratch);
    auto *scores = carve<float>(room, key_block * lanes);
    auto *weights = carve<Operand>(room, key_block * lanes);
    auto *queries = carve<Queries>(room, query_panels);
    for (std::int64_t i = 0; i < query_panels; ++i) {
      queries[i].sums = carve<float>(room, padded(d, group) * lanes);
    }
    std::int64_t item = 0;
    Product::begin();
    for (std::int64_t s = 0; s < task.n_segments; ++s) {
      const Segment &segment = task.segments[s];
      for (std::int64_t h = 0; h < task.n_heads; ++h) {
        const Head head(const_cast<void *>(task.heads), h, d, task.n_panels);
        for (std::int64_t p = 0; p < segment.n_panels; p += query_panels, ++item) {
          if (item % share.count == share.index) {
            const Range panels{segment.first_panel + p,
                               segment.first_panel + smaller(p + query_panels, segment.n_panels)};
            attend(task, head, segment, panels, queries, scores, weights);
            for (std::int64_t i = panels.begin; i < panels.end; ++i) {
              store_attended(task, h, i, queries[i - panels.begin]);
            }
          }
        }
      }
    }
    Product::end();
  }

  /// Some panels of queries of one head: softmax over blocks of keys, rescaled when a greater score
  /// comes (M. Milakov and N. Gimelshein, Online normalizer calculation for softmax, 2018). The
  /// keys and values of a block stay in the nearest cache for all the panels.
  static void attend(const Attention &task, const Head &head, const Segment &segment, Range panels,
                     Queries *queries, float *scores, Operand *weights) {
    constexpr float least = -1e30F;
    const std::int64_t n = panels.end - panels.begin;
    for (std::int64_t i = 0; i < n; ++i) {
      queries[i].panel = head.q + (panels.begin + i) * head.qk_rows * lanes;
      std::memset(queries[i].sums, 0,
                  static_cast<std::size_t>(head.v_rows * lanes) * sizeof(float));
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        queries[i].greatest[lane] = least;
        queries[i].total[lane] = 0.0F;
      }
    }
    for (std::int64_t first = 0; first < segment.n_patches; first += key_block) {
      const std::int64_t keys = smaller(key_block, segment.n_patches - first);
      const std::int64_t rows = padded(keys, lanes);
      const std::int64_t key = segment.first_panel * lanes + first;
      for (std::int64_t i = 0; i < n; ++i) {
        for (std::int64_t at = 0; at < rows; at += lanes) {
          Product::multiply(head.k + (key + at) * head.qk_rows, group * head.qk_rows,
                            queries[i].panel, head.qk_rows, scores + at * lanes, lanes, false);
        }
        weigh(scores, keys, rows, weights, queries[i], first > 0 ? task.d_head : 0);
        Product::multiply(head.v + key * group, group * head.keys, weights, rows, queries[i].sums,
                          head.v_rows, true);
      }
    }
  }

  /// Weights of a block of keys; what was summed before is rescaled, `d` rows of it.
  static void weigh(float *scores, std::int64_t keys, std::int64_t rows, Operand *weights,
                    Queries &queries, std::int64_t d) {
    alignas(64) float greatest[lanes];
    std::memcpy(greatest, queries.greatest, sizeof greatest);
    for (std::int64_t row = 0; row < keys; ++row) {
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        const float score = scores[row * lanes + lane];
        greatest[lane] = score > greatest[lane] ? score : greatest[lane];
      }
    }
    alignas(64) float total[lanes];
    alignas(64) float shrink[lanes];
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      shrink[lane] = power_of_two<is_half>(queries.greatest[lane] - greatest[lane]);
      total[lane] = queries.total[lane] * shrink[lane];
    }
    for (std::int64_t row = 0; row < rows; row += 2) {
      float *some = scores + row * lanes;
      const std::int64_t filled = smaller(2, keys - row);
      for (std::int64_t i = 0; i < filled * lanes; i += lanes) {
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
          some[i + lane] = power_of_two<is_half>(some[i + lane] - greatest[lane]);
          total[lane] += some[i + lane];
        }
      }
      for (std::int64_t i = filled < 0 ? 0 : filled * lanes; i < 2 * lanes; ++i) {
        some[i] = 0.0F;
      }
      store_pair(weights, row, some, some + lanes);
    }
    for (std::int64_t row = 0; row < d; ++row) {
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        queries.sums[row * lanes + lane] *= shrink[lane];
      }
    }
    std::memcpy(queries.greatest, greatest, sizeof greatest);
    std::memcpy(queries.total, total, sizeof total);
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
    Operand *out = static_cast<Operand *>(task.out) + panel * operand_size(n_features);
    for (std::int64_t row = 0; row < d; row += 2) {
      store_pair(out, h * d + row, queries.sums + row * lanes, queries.sums + (row + 1) * lanes);
    }
    if (h == task.n_heads - 1) {
      zero_padding(static_cast<Operand *>(task.out), n_features, {panel, panel + 1});
    }
  }

  static void to_panels(const float *in, float *out, std::int64_t n_features, std::int64_t n_rows,
                        Share share) {
    const Range panels = part_of(panels_of(n_rows), share.index, share.count);
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
    const Range rows = part_of(n_rows, share.index, share.count);
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      const float *panel = in + row / lanes * n_features * lanes + row % lanes;
      for (std::int64_t i = 0; i < n_features; ++i) {
        out[row * n_features + i] = panel[i * lanes];
      }
    }
  }

  static void to_operand(const float *in, void *out, std::int64_t n_features, std::int64_t n_panels,
                         Share share) {
    const Range panels = part_of(n_panels, share.index, share.count);
    for (std::int64_t p = panels.begin; p < panels.end; ++p) {
      const float *panel = in + p * n_features * lanes;
      Operand *operand = static_cast<Operand *>(out) + p * operand_size(n_features);
      std::int64_t row = 0;
      for (; row + 1 < n_features; row += 2) {
        store_pair(operand, row, panel + row * lanes, panel + (row + 1) * lanes);
      }
      if (row < n_features) {
        store_single(operand, row, panel + row * lanes);
      }
    }
    zero_padding(static_cast<Operand *>(out), n_features, panels);
  }

  static constexpr Kernels table(const char *name) {
    return {name,   is_half,   group,     linear,      norm,
            rotate, attention, to_panels, from_panels, to_operand};
  }
};

} // namespace
