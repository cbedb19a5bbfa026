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
  using Base::is_bf16;
  using Base::pack_keys;
  using Base::pack_values;
  using Base::part_of;
  using Base::score_terms;
  using Base::store_for_scores;

  static void rotate_rows(const float *in, const float *cosines, const float *sines,
                          std::int64_t count, float scale, float *__restrict out) {
    for (std::int64_t i = 0; i < count; ++i) {
      const float a = in[i];
      const float b = in[count + i];
      out[i] = (a * cosines[i] - b * sines[i]) * scale;
      out[count + i] = (b * cosines[i] + a * sines[i]) * scale;
    }
  }

  static void rotate(const Rotate &task, Share share, void *scratch) {
    auto *rest = static_cast<std::byte *>(scratch);
    const std::int64_t d = task.d_head;
    const std::int64_t n_angles = d / 2;
    auto *rotated = Base::template carve<float>(rest, 3 * d * lanes);
    auto *keys = Base::template carve<Operand>(rest, score_rows(is_bf16, score_terms, d) * lanes);
    // Scores are to be powers of two: log2(e).
    const float query_scale = 1.44269504F / __builtin_sqrtf(static_cast<float>(d));
    const Range panels = part_of(task.n_panels, share);
    for (std::int64_t p = panels.begin; p < panels.end; ++p) {
      const float *cosines = task.angles + p * d * lanes;
      const float *sines = cosines + n_angles * lanes;
      for (std::int64_t h = 0; h < task.n_heads; ++h) {
        const Heads head(static_cast<Operand *>(task.out), h, d, task.n_panels);
        const auto part = [&](std::int64_t index) {
          return task.qkv + ((p * 3 + index) * task.n_heads + h) * d * lanes;
        };
        rotate_rows(part(0), cosines, sines, n_angles * lanes, query_scale, rotated);
        store_for_scores(rotated, d, true, head.q + p * head.qk_rows * lanes);
        rotate_rows(part(1), cosines, sines, n_angles * lanes, 1.0F, rotated);
        store_for_scores(rotated, d, false, keys);
        pack_keys(keys, head.qk_rows, head.k + p * head.qk_rows * lanes);
        pack_values(part(2), d, head, p);
      }
    }
  }
};

} // namespace ppocrvl::kernels
