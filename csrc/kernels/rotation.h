// SPDX-License-Identifier: Apache-2.0
//
// Rotary position embedding of the vision encoder's queries and keys.
#pragma once

#include "kernels/attention_heads.h"

#include <cstddef>
#include <cstdint>

namespace ppocrvl::kernels {

/// See `Rotate`.
template <typename Product, bool rounds_scores>
struct Rotation : AttentionHeads<Product, rounds_scores> {
  using Base = AttentionHeads<Product, rounds_scores>;
  using Operand = typename Base::Operand;
  using Range = typename Base::Range;
  using Heads = typename Base::template Head<Operand>;
  using Base::is_half;
  using Base::pack_keys;
  using Base::pack_values;
  using Base::part_of;
  using Base::score_terms;
  using Base::store_for_scores;

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
    auto *turned = Base::template carve<float>(room, 3 * d * lanes);
    auto *keys = Base::template carve<Operand>(room, score_rows(is_half, score_terms, d) * lanes);
    // Scores are to be powers of two: log2(e).
    const float query_scale = 1.44269504F / __builtin_sqrtf(static_cast<float>(d));
    const Range panels = part_of(task.n_panels, share);
    for (std::int64_t p = panels.begin; p < panels.end; ++p) {
      const float *cosines = task.turns + p * d * lanes;
      const float *sines = cosines + half * lanes;
      for (std::int64_t h = 0; h < task.n_heads; ++h) {
        const Heads head(static_cast<Operand *>(task.out), h, d, task.n_panels);
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
};

} // namespace ppocrvl::kernels
