// SPDX-License-Identifier: Apache-2.0
#include "layout/attention.h"

#include "layout/packed_tokens.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <memory>

namespace ppocrvl::layout {
namespace {

using kernels::lanes;
using kernels::map_group;
using kernels::padded;

/// Values as packed rows: one a channel.
void pack_values(const FeatureMap &values, std::int64_t first_channel, std::int64_t d_head,
                 float *packed) {
  const std::int64_t n_tokens = values.n_pixels();
  for (std::int64_t first = 0; first < d_head; first += map_group) {
    for (std::int64_t token = 0; token < n_tokens; ++token) {
      for (std::int64_t i = 0; i < map_group; ++i) {
        *packed++ = first + i < d_head ? values.at(first_channel + first + i, token) : 0.0F;
      }
    }
  }
}

} // namespace

void build_attention(Builder &build, const FeatureMap &queries, const FeatureMap &keys,
                     const FeatureMap &values, const FeatureMap &out, std::int64_t n_heads,
                     const AttentionBias *bias) {
  const std::int64_t d_head = queries.n_channels / n_heads;
  const std::int64_t most_tokens = keys.n_pixels();
  const std::int64_t keys_size = kernels::packed_weights(most_tokens, d_head);
  const std::int64_t values_size = kernels::packed_weights(d_head, most_tokens);
  const Buffer packed = build.buffer(n_heads * (keys_size + values_size));
  float *packed_keys = packed.data();
  float *packed_values = packed.data() + n_heads * keys_size;
  const auto n_tokens =
      bias != nullptr ? bias->n_tokens : std::make_shared<const std::int64_t>(most_tokens);
  build.add({
      "pack_heads",
      n_heads,
      0,
      [=](const Part &part) {
        const std::int64_t head = part.index;
        pack_tokens(keys.first_pixels(*n_tokens), head * d_head, d_head,
                    1.0F / std::sqrt(static_cast<float>(d_head)), packed_keys + head * keys_size);
        pack_values(values.first_pixels(*n_tokens), head * d_head, d_head,
                    packed_values + head * values_size);
      },
  });

  const std::size_t scores_bytes =
      static_cast<std::size_t>(padded(most_tokens, map_group) * lanes) * sizeof(float);
  constexpr kernels::Window panel_alone{1, 1, 0, lanes, 1, lanes, 1};
  const std::size_t product_bytes =
      std::max(build.kernels().convolutions.scratch_bytes(panel_alone, d_head),
               build.kernels().convolutions.scratch_bytes(panel_alone, most_tokens));
  const std::int64_t n_panels = queries.n_panels();
  const float *added = bias != nullptr ? bias->values : nullptr;
  const auto attend = [=, &kernels = build.kernels()](const Part &part) {
    const std::int64_t head = part.index / n_panels;
    const std::int64_t panel = part.index % n_panels;
    if (added != nullptr && panel * lanes >= *n_tokens) {
      return;
    }
    auto *scores = reinterpret_cast<float *>(part.scratch);
    std::byte *scratch = part.scratch + scores_bytes;
    kernels::Convolution task{};
    task.window = panel_alone;
    task.n_channels = d_head;
    task.n_rows = *n_tokens;
    task.weights = packed_keys + head * keys_size;
    task.in = queries.panel(panel) + head * d_head * lanes;
    task.out = scores;
    kernels.convolutions.convolve(task, 0, 1, scratch);
    if (added != nullptr) {
      const float *more = added + (head * n_panels + panel) * most_tokens * lanes;
      std::transform(scores, scores + *n_tokens * lanes, more, scores, std::plus<>());
    }
    kernels.softmax(scores, *n_tokens);
    task.n_channels = *n_tokens;
    task.n_rows = d_head;
    task.weights = packed_values + head * values_size;
    task.in = scores;
    task.out = out.panel(panel) + head * d_head * lanes;
    kernels.convolutions.convolve(task, 0, 1, scratch);
  };
  build.add({"attend", n_heads * n_panels, scores_bytes + product_bytes, attend});
}

} // namespace ppocrvl::layout
