// SPDX-License-Identifier: Apache-2.0
//
// Attention of a decoder's tokens to the cells of its cache, 32 tokens and cells at a time.
#pragma once

#include "kernels/block_attention.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ppocrvl::kernels {

/// See `CacheAttention`.
template <typename Product, bool rounds_scores>
struct CacheAttentionInPanels : BlockAttention<Product, rounds_scores> {
  using Base = BlockAttention<Product, rounds_scores>;
  using AttentionBuffers = typename Base::AttentionBuffers;
  using Math = typename Base::Math;
  using Operand = typename Base::Operand;
  using Queries = typename Base::Queries;
  using Range = typename Base::Range;
  template <typename Element> using Head = typename Base::template Head<Element>;
  using Base::attend;
  using Base::bytes_of;
  using Base::group;
  using Base::is_bf16;
  using Base::pack_keys;
  using Base::pack_values;
  using Base::part_of;
  using Base::query_panels;
  using Base::score_terms;
  using Base::smaller;
  using Base::store_for_scores;

  static std::uint32_t *visible_of(const CacheAttention &task) {
    const Head<Operand> last(task, task.n_heads - 1);
    return reinterpret_cast<std::uint32_t *>(last.v + last.keys * last.v_rows);
  }

  /// Queries, and keys and values of the cells that some token sees, as `attend` wants them.
  static void pack_cache(const CacheAttention &task, Share share, void *scratch) {
    const std::int64_t d = task.d_head;
    auto *rest = static_cast<std::byte *>(scratch);
    auto *rows = Base::template carve<float>(rest, 3 * d * lanes);
    auto *packed = Base::template carve<Operand>(rest, score_rows(is_bf16, score_terms, d) * lanes);
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
        rows[i * lanes + lane] = is_seen ? Math::float_of_f16(values[i]) : 0.0F;
      }
    }
  }

  static void attend_cache(const CacheAttention &task, Share share, void *scratch) {
    const AttentionBuffers buffers(scratch, task.d_head);
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
        attend(head, task.d_head, {0, task.n_cells}, panels, visible_of(task), buffers);
        for (std::int64_t i = 0; i < panels.end - p; ++i) {
          store_tokens(task, h, p + i, buffers.queries[i]);
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
};

} // namespace ppocrvl::kernels
