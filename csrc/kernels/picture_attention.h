// SPDX-License-Identifier: Apache-2.0
//
// Attention of the vision encoder.
#pragma once

#include "kernels/block_attention.h"

#include <cstdint>

namespace ppocrvl::kernels {

/// See `Attention`.
template <typename Product, bool rounds_scores>
struct PictureAttention : BlockAttention<Product, rounds_scores> {
  using Base = BlockAttention<Product, rounds_scores>;
  using AttentionBuffers = typename Base::AttentionBuffers;
  using Operand = typename Base::Operand;
  using Queries = typename Base::Queries;
  using Range = typename Base::Range;
  template <typename Element> using Head = typename Base::template Head<Element>;
  using Base::attend;
  using Base::operand_size;
  using Base::parts_of;
  using Base::query_panels;
  using Base::smaller;
  using Base::store_rows;
  using Base::zero_padding;

  // Threads take items round robin: the first panels of each head, then the next. Those of a head
  // are not equally much work, the last of a picture being fewer and those of a prompt seeing more
  // and more, so counting them head by head would give one thread all the small ones.

  static void attention(const Attention &task, Share share, void *scratch) {
    const std::int64_t d = task.d_head;
    const AttentionBuffers buffers(scratch, d);
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
            attend(head, d, keys, panels, nullptr, buffers);
            for (std::int64_t i = 0; i < panels.end - p; ++i) {
              store_attended(task, h, p + i, buffers.queries[i]);
            }
          }
        }
      }
      first += task.n_heads * parts_of(segment.n_panels, query_panels);
    }
    Product::end();
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
};

} // namespace ppocrvl::kernels
