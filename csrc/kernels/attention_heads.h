// SPDX-License-Identifier: Apache-2.0
//
// Queries, keys and values in the order in which attention reads them.
#pragma once

#include "kernels/panels.h"

#include <cstdint>
#include <cstring>

namespace ppocrvl::kernels {

/// With `rounds_scores`, queries and keys are rounded once: see `score_rows`.
template <typename Product, bool rounds_scores> struct AttentionHeads : Panels<Product> {
  using Base = Panels<Product>;
  using Operand = typename Base::Operand;
  using Range = typename Base::Range;
  using Math = typename Base::Math;
  using Base::group;
  using Base::is_bf16;
  using Base::packed_index;
  using Base::run;
  using Base::store_rows;
  using Base::to_operands;
  using Base::zero_padding;

  static constexpr int score_terms = is_bf16 && !rounds_scores ? 3 : 1;
  static constexpr OperandLayout operands{is_bf16, score_terms, group};

  /// Where the parts of one head lie in what `rotate` writes.
  template <typename Element> struct Head {
    Element *q;
    Element *k;
    Element *v;
    std::int64_t qk_rows;
    std::int64_t v_rows;
    std::int64_t keys;

    Head(Element *heads, std::int64_t head, std::int64_t d_head, std::int64_t n_panels)
        : qk_rows(score_rows(is_bf16, score_terms, d_head)), v_rows(padded(d_head, group)),
          keys(n_panels * lanes) {
      q = heads + head * keys * (2 * qk_rows + v_rows);
      k = q + keys * qk_rows;
      v = k + keys * qk_rows;
    }

    /// One of a decoder's heads of queries, with the head of the cache that it sees.
    Head(const CacheAttention &task, std::int64_t head)
        : qk_rows(score_rows(is_bf16, score_terms, task.d_head)),
          v_rows(padded(task.d_head, group)), keys(padded(task.n_cells, lanes)) {
      const std::int64_t query_size = padded(task.n_tokens, lanes) * qk_rows;
      auto *work = static_cast<Element *>(task.work);
      q = work + head * query_size;
      k = work + task.n_heads * query_size +
          head * task.n_cache_heads / task.n_heads * keys * (qk_rows + v_rows);
      v = k + keys * qk_rows;
    }
  };

  /// A panel of keys [rows][lanes] as packed rows: one a key.
  static void pack_keys(const Operand *panel, std::int64_t rows, Operand *out) {
    constexpr std::int64_t pair = is_bf16 ? 2 : 1;
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

  /// Rows as the operand of scores: see `score_rows`. `rows` has space for three times as many.
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
    if constexpr (is_bf16) {
      zero_padding(out, score_terms * d, {0, 1});
    }
  }
};

} // namespace ppocrvl::kernels
