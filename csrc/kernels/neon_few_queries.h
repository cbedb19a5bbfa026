// SPDX-License-Identifier: Apache-2.0
//
// Attention of few tokens to a cache: sixteen cells that a token sees are read at a time, and met
// by all its queries that share them.
#pragma once

#include "kernels/kernels.h"
#include "kernels/scalar.h"

#include <arm_neon.h>

#include <cstddef>

namespace ppocrvl::kernels {

/// In float32. `Kind`: see Scalar.
template <typename Kind> struct NeonFewQueries {
  using Math = Scalar<Kind>;

  static constexpr std::int64_t width = 4;    // numbers of a register
  static constexpr std::int64_t n_cells = 16; // at a time

  static void attend(const CacheAttention &task, Share share, void *scratch) {
    const std::int64_t n_items = task.n_tokens * task.n_cache_heads;
    const std::int64_t together = task.n_heads / task.n_cache_heads;
    // If there are fewer items than threads, some threads share one.
    const std::int64_t wanted = (share.count + n_items - 1) / n_items;
    const std::int64_t parts = wanted < together ? wanted : together;
    for (std::int64_t i = share.index; i < n_items * parts; i += share.count) {
      const std::int64_t cache_head = i / parts % task.n_cache_heads;
      const std::int64_t first = cache_head * together;
      Item item{};
      item.token = i / parts / task.n_cache_heads;
      item.cache_head = cache_head;
      item.first_head = first + together * (i % parts) / parts;
      item.n_heads = first + together * (i % parts + 1) / parts - item.first_head;
      attend_item(task, item, Buffers(scratch, task.d_head, item.n_heads));
    }
  }

private:
  /// Some heads of a token's queries, with the head of the cache that they see.
  struct Item {
    std::int64_t token;
    std::int64_t cache_head;
    std::int64_t first_head;
    std::int64_t n_heads;
  };

  struct Buffers {
    float *keys;      // [n_cells][d_head], and so the values
    float *values;    //
    float *queries;   // [n_heads][d_head]
    float *sums;      // of weighed values, [n_heads][d_head]
    float *reference; // of each head, the greatest score so far,
    float *total;     // and the sum of weights relative to it

    Buffers(void *scratch, std::int64_t d_head, std::int64_t n_heads)
        : keys(static_cast<float *>(scratch)), values(keys + n_cells * d_head),
          queries(values + n_cells * d_head), sums(queries + n_heads * d_head),
          reference(sums + n_heads * d_head), total(reference + n_heads) {}
  };

  static void attend_item(const CacheAttention &task, const Item &item, const Buffers &buffers) {
    begin(task, item, buffers);
    const std::uint16_t *mask = task.mask + item.token * task.mask_stride;
    std::int64_t cells[n_cells];
    std::int64_t count = 0;
    for (std::int64_t cell = 0; cell < task.n_cells; ++cell) {
      cells[count] = cell;
      count += mask[cell] == 0 ? 1 : 0;
      if (count == n_cells) {
        attend_cells(task, item, buffers, cells, count);
        count = 0;
      }
    }
    if (count > 0) {
      attend_cells(task, item, buffers, cells, count);
    }
    end(task, item, buffers);
  }

  static void begin(const CacheAttention &task, const Item &item, const Buffers &buffers) {
    const float scale = task.scale * 1.44269504F; // log2(e): scores are to be powers of two
    for (std::int64_t h = 0; h < item.n_heads; ++h) {
      const float *query = task.queries.at(item.token, item.first_head + h);
      for (std::int64_t i = 0; i < task.d_head; ++i) {
        buffers.queries[h * task.d_head + i] = query[i] * scale;
        buffers.sums[h * task.d_head + i] = 0.0F;
      }
      buffers.reference[h] = -__builtin_inff();
      buffers.total[h] = 0.0F;
    }
  }

  static void end(const CacheAttention &task, const Item &item, const Buffers &buffers) {
    for (std::int64_t h = 0; h < item.n_heads; ++h) {
      const float factor = 1.0F / buffers.total[h];
      float *to = task.out + (item.token * task.n_heads + item.first_head + h) * task.d_head;
      for (std::int64_t i = 0; i < task.d_head; ++i) {
        to[i] = buffers.sums[h * task.d_head + i] * factor;
      }
    }
  }

  static void attend_cells(const CacheAttention &task, const Item &item, const Buffers &buffers,
                           const std::int64_t (&cells)[n_cells], std::int64_t count) {
    const std::int64_t d = task.d_head;
    for (std::int64_t i = 0; i < n_cells; ++i) {
      const std::int64_t cell = cells[i < count ? i : 0]; // weighed by zero behind the last
      widen(task.keys.at(cell, item.cache_head), buffers.keys + i * d, d);
      widen(task.values.at(cell, item.cache_head), buffers.values + i * d, d);
    }
    for (std::int64_t h = 0; h < item.n_heads; ++h) {
      float weights[n_cells];
      scores_of(buffers.queries + h * d, buffers.keys, d, weights);
      const float before = buffers.reference[h];
      float reference = before;
      for (std::int64_t i = 0; i < count; ++i) {
        reference = weights[i] > reference ? weights[i] : reference;
      }
      for (float &weight : weights) {
        weight = Math::template power_of_two<false>(weight - reference);
      }
      float total = 0.0F;
      for (std::int64_t i = 0; i < n_cells; ++i) {
        weights[i] = i < count ? weights[i] : 0.0F;
        total += weights[i];
      }
      const float shrink = Math::template power_of_two<false>(before - reference);
      buffers.total[h] = buffers.total[h] * shrink + total;
      buffers.reference[h] = reference;
      add_values(buffers.values, weights, shrink, buffers.sums + h * d, d);
    }
  }

  static void widen(const std::uint16_t *from, float *to, std::int64_t count) {
    for (std::int64_t i = 0; i < count; i += width) {
      vst1q_f32(to + i, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(from + i))));
    }
  }

  /// The products of a query with sixteen keys.
  static void scores_of(const float *query, const float *keys, std::int64_t d,
                        float (&scores)[n_cells]) {
    float32x4_t sums[n_cells];
    for (float32x4_t &sum : sums) {
      sum = vdupq_n_f32(0.0F);
    }
    for (std::int64_t i = 0; i < d; i += width) {
      const float32x4_t part = vld1q_f32(query + i);
#pragma GCC unroll 16
      for (std::int64_t cell = 0; cell < n_cells; ++cell) {
        sums[cell] = vfmaq_f32(sums[cell], part, vld1q_f32(keys + cell * d + i));
      }
    }
    for (std::int64_t cell = 0; cell < n_cells; cell += 4) {
      vst1q_f32(scores + cell, vpaddq_f32(vpaddq_f32(sums[cell], sums[cell + 1]),
                                          vpaddq_f32(sums[cell + 2], sums[cell + 3])));
    }
  }

  /// sums * shrink + the weighed values.
  static void add_values(const float *values, const float (&weights)[n_cells], float shrink,
                         float *sums, std::int64_t d) {
    constexpr std::size_t n_parts = 8;
    constexpr std::int64_t columns = std::int64_t{n_parts} * width;
    for (std::int64_t first = 0; first < d; first += columns) {
      float32x4_t parts[n_parts];
#pragma GCC unroll 8
      for (std::size_t part = 0; part < n_parts; ++part) {
        parts[part] = vmulq_n_f32(vld1q_f32(sums + first + part * width), shrink);
      }
      for (std::int64_t cell = 0; cell < n_cells; ++cell) {
        const float32x4_t weight = vdupq_n_f32(weights[cell]);
        const float *from = values + cell * d + first;
#pragma GCC unroll 8
        for (std::size_t part = 0; part < n_parts; ++part) {
          parts[part] = vfmaq_f32(parts[part], weight, vld1q_f32(from + part * width));
        }
      }
#pragma GCC unroll 8
      for (std::size_t part = 0; part < n_parts; ++part) {
        vst1q_f32(sums + first + part * width, parts[part]);
      }
    }
  }
};

} // namespace ppocrvl::kernels
