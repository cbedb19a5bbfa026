// SPDX-License-Identifier: Apache-2.0
//
// Softmax attention over blocks of keys, the same for a picture's patches and a decoder's tokens.
#pragma once

#include "kernels/attention_heads.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ppocrvl::kernels {

/// Some panels of queries and the keys and values of one head.
template <typename Product, bool rounds_scores>
struct BlockAttention : AttentionHeads<Product, rounds_scores> {
  using Base = AttentionHeads<Product, rounds_scores>;
  using Math = typename Base::Math;
  using Operand = typename Base::Operand;
  using Range = typename Base::Range;
  template <typename Element> using Head = typename Base::template Head<Element>;
  using Base::bytes_of;
  using Base::group;
  using Base::is_bf16;
  using Base::smaller;
  using Base::store_pair;

  static constexpr std::int64_t key_block = 128;  // keys at a time,
  static constexpr std::int64_t query_panels = 4; // for so many panels of queries

  /// In place of the score of what a query does not see, and of its greatest before the first.
  static constexpr float least = -1e30F;

  /// What attention keeps of a panel of queries while it goes through the keys.
  struct Queries {
    const Operand *panel;
    float *sums;                        // of values, weighted
    alignas(64) float reference[lanes]; // to which the weights are relative
    alignas(64) float total[lanes];     // of weights
  };

  struct AttentionBuffers {
    float *scores;
    Operand *weights;
    Queries *queries;

    AttentionBuffers(void *scratch, std::int64_t d) {
      auto *rest = static_cast<std::byte *>(scratch);
      scores = Base::template carve<float>(rest, key_block * lanes);
      weights = Base::template carve<Operand>(rest, key_block * lanes);
      queries = Base::template carve<Queries>(rest, query_panels);
      for (std::int64_t i = 0; i < query_panels; ++i) {
        queries[i].sums = Base::template carve<float>(rest, padded(d, group) * lanes);
      }
    }
  };

  /// Some panels of queries of one head: softmax over blocks of keys, rescaled when a far greater
  /// score comes (M. Milakov and N. Gimelshein, Online normalizer calculation for softmax, 2018).
  /// The keys and values of a block stay in the nearest cache for all the panels. The first key is
  /// the first of a panel. `visible` has a word of bits, one a lane, for each panel and key, or is
  /// null.
  static void attend(const Head<const Operand> &head, std::int64_t d, Range all_keys, Range panels,
                     const std::uint32_t *visible, const AttentionBuffers &buffers) {
    Queries *queries = buffers.queries;
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
                     buffers);
      }
    }
  }

  /// A panel of queries and keys of a block, the first of which is the first of a panel. `visible`
  /// is of all keys, or null.
  static void attend_block(const Head<const Operand> &head, std::int64_t d, Range keys,
                           const std::uint32_t *visible, Queries &queries,
                           const AttentionBuffers &buffers) {
    const std::int64_t n_keys = keys.end - keys.begin;
    const std::int64_t rows = padded(n_keys, lanes);
    if (n_keys == 0) {
      return;
    }
    for (std::int64_t at = 0; at < rows; at += lanes) {
      Product::multiply(head.k + (keys.begin + at) * head.qk_rows, group * head.qk_rows,
                        queries.panel, head.qk_rows, buffers.scores + at * lanes, lanes, false);
    }
    if (visible != nullptr) {
      hide(buffers.scores, visible + keys.begin, n_keys);
    }
    weigh(buffers.scores, n_keys, rows, buffers.weights, queries, d);
    Product::multiply(head.v + keys.begin * group, group * head.keys, buffers.weights, rows,
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
              Math::template power_of_two<is_bf16>(scores[i * lanes + lane] - reference[lane]);
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
          Math::template power_of_two<is_bf16>(queries.reference[lane] - reference[lane]);
      queries.total[lane] *= shrink[lane];
      queries.reference[lane] = reference[lane];
    }
    for (std::int64_t row = 0; row < d; ++row) {
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        queries.sums[row * lanes + lane] *= shrink[lane];
      }
    }
  }
};

} // namespace ppocrvl::kernels
