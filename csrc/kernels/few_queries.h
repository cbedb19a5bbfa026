// SPDX-License-Identifier: Apache-2.0
//
// Attention of few tokens to a cache: sixteen cells that a token sees are read at a time, and met
// by all its queries that share them.
#pragma once

#include "kernels/kernels.h"
#include "kernels/scalar.h"

#include <immintrin.h>

#include <cstring>

namespace ppocrvl::kernels {

/// By AVX512, in float32. `Kind`: see Scalar.
template <typename Kind> struct FewQueries {
  using Math = Scalar<Kind>;

  static constexpr std::int64_t width = 16;   // numbers of a register
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
    for (std::int64_t first = 0; first < task.n_cells; first += 32) {
      for (std::uint32_t seen = seen_of(mask + first, task.n_cells - first); seen != 0;
           seen &= seen - 1) {
        cells[count] = first + __builtin_ctz(seen);
        if (++count == n_cells) {
          attend_cells(task, item, buffers, cells, count);
          count = 0;
        }
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

  /// Of up to 32 cells.
  static std::uint32_t seen_of(const std::uint16_t *mask, std::int64_t count) {
    const __mmask32 there =
        count < 32 ? (std::uint32_t{1} << static_cast<unsigned>(count)) - 1 : 0xFFFFFFFFU;
    const __m512i values = _mm512_maskz_loadu_epi16(there, mask);
    return _mm512_mask_testn_epi16_mask(there, values, values);
  }

  static void attend_cells(const CacheAttention &task, const Item &item, const Buffers &buffers,
                           const std::int64_t (&cells)[n_cells], std::int64_t count) {
    const std::int64_t d = task.d_head;
    for (std::int64_t i = 0; i < n_cells; ++i) {
      const std::int64_t cell = cells[i < count ? i : 0]; // weighed by zero behind the last
      widen(task.keys.at(cell, item.cache_head), buffers.keys + i * d, d);
      widen(task.values.at(cell, item.cache_head), buffers.values + i * d, d);
    }
    const auto there = static_cast<__mmask16>((1U << static_cast<unsigned>(count)) - 1U);
    for (std::int64_t h = 0; h < item.n_heads; ++h) {
      const __m512 scores = scores_of(buffers.queries + h * d, buffers.keys, d);
      const float greatest = _mm512_mask_reduce_max_ps(there, scores);
      const float before = buffers.reference[h];
      const float reference = before > greatest ? before : greatest;
      alignas(64) float weights[n_cells];
      _mm512_store_ps(weights, _mm512_sub_ps(scores, _mm512_set1_ps(reference)));
      for (float &weight : weights) {
        weight = Math::template power_of_two<false>(weight);
      }
      const __m512 of_cells = _mm512_maskz_loadu_ps(there, weights);
      _mm512_store_ps(weights, of_cells);
      const float shrink = Math::template power_of_two<false>(before - reference);
      buffers.total[h] = buffers.total[h] * shrink + _mm512_reduce_add_ps(of_cells);
      buffers.reference[h] = reference;
      add_values(buffers.values, weights, shrink, buffers.sums + h * d, d);
    }
  }

  static void widen(const std::uint16_t *from, float *to, std::int64_t count) {
    for (std::int64_t i = 0; i < count; i += width) {
      const __m256i values = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(from + i));
      _mm512_storeu_ps(to + i, _mm512_cvtph_ps(values));
    }
  }

  /// The products of a query with sixteen keys.
  static __m512 scores_of(const float *query, const float *keys, std::int64_t d) {
    __m512 sums[n_cells];
    for (__m512 &sum : sums) {
      sum = _mm512_setzero_ps();
    }
    for (std::int64_t i = 0; i < d; i += width) {
      const __m512 part = _mm512_loadu_ps(query + i);
#pragma GCC unroll 16
      for (std::int64_t cell = 0; cell < n_cells; ++cell) {
        sums[cell] = _mm512_fmadd_ps(part, _mm512_loadu_ps(keys + cell * d + i), sums[cell]);
      }
    }
    // Sixteen sums of sixteen numbers: halves of two registers are added until one holds them all.
    __m512 of_two[8];
    for (std::size_t i = 0; i < 8; ++i) {
      const __m512 a = sums[2 * i];
      const __m512 b = sums[2 * i + 1];
      of_two[i] = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    }
    __m512 of_four[4];
    for (std::size_t i = 0; i < 4; ++i) {
      const __m512d a = _mm512_castps_pd(of_two[2 * i]);
      const __m512d b = _mm512_castps_pd(of_two[2 * i + 1]);
      of_four[i] = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)),
                                 _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
    }
    return added_quarters(added_quarters(of_four[0], of_four[1]),
                          added_quarters(of_four[2], of_four[3]));
  }

  /// Each even quarter and the odd one after it.
  static __m512 added_quarters(__m512 a, __m512 b) {
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xDD));
  }

  /// sums * shrink + the weighed values.
  static void add_values(const float *values, const float *weights, float shrink, float *sums,
                         std::int64_t d) {
    std::int64_t first = 0;
    for (; first + 8 * width <= d; first += 8 * width) {
      add_columns<8>(values + first, weights, shrink, sums + first, d);
    }
    for (; first < d; first += 2 * width) {
      add_columns<2>(values + first, weights, shrink, sums + first, d);
    }
  }

  template <std::int64_t n_parts>
  static void add_columns(const float *values, const float *weights, float shrink, float *to,
                          std::int64_t d) {
    __m512 sums[std::size_t{n_parts}];
#pragma GCC unroll 8
    for (std::int64_t part = 0; part < n_parts; ++part) {
      sums[part] = _mm512_mul_ps(_mm512_loadu_ps(to + part * width), _mm512_set1_ps(shrink));
    }
    for (std::int64_t cell = 0; cell < n_cells; ++cell) {
      const __m512 weight = _mm512_set1_ps(weights[cell]);
#pragma GCC unroll 8
      for (std::int64_t part = 0; part < n_parts; ++part) {
        sums[part] =
            _mm512_fmadd_ps(weight, _mm512_loadu_ps(values + cell * d + part * width), sums[part]);
      }
    }
#pragma GCC unroll 8
    for (std::int64_t part = 0; part < n_parts; ++part) {
      _mm512_storeu_ps(to + part * width, sums[part]);
    }
  }
};

} // namespace ppocrvl::kernels
