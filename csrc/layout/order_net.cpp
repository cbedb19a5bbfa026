// SPDX-License-Identifier: Apache-2.0
#include "layout/order_net.h"

#include "layout/attention.h"
#include "layout/order_tokens.h"
#include "layout/pointer.h"
#include "layout/relation.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <string>

namespace ppocrvl::layout {
namespace {

using kernels::lanes;
using Tokens = std::shared_ptr<OrderTokens>; // the steps' own, of the page that they compute

/// Writes to a token's channels from `channel` on; returns the one behind.
std::int64_t put(const FeatureMap &map, std::int64_t token, std::int64_t channel,
                 const std::vector<float> &table, std::int64_t row, std::int64_t length) {
  for (std::int64_t i = 0; i < length; ++i) {
    map.at(channel + i, token) = table[static_cast<std::size_t>(row * length + i)];
  }
  return channel + length;
}

/// What the boxes are looked up as: both corners, height and width.
void build_coordinates(Builder &build, const OrderNetConfig &order, const Tokens &tokens,
                       const FeatureMap &out) {
  const auto table = [&](const char *name, std::int64_t length) {
    return &build.weights().constant(name, length, order.n_positions);
  };
  const auto *x_rows = table("order.x_embd", order.coordinate_length);
  const auto *y_rows = table("order.y_embd", order.coordinate_length);
  const auto *width_rows = table("order.w_embd", order.shape_length);
  const auto *height_rows = table("order.h_embd", order.shape_length);
  const std::int64_t coordinate = order.coordinate_length;
  const std::int64_t shape = order.shape_length;
  build.add_single("order_coordinates", [=] {
    for (std::int64_t token = 0; token < tokens->count(); ++token) {
      std::array<std::int64_t, 4> box{};
      std::transform(tokens->boxes[static_cast<std::size_t>(token)].begin(),
                     tokens->boxes[static_cast<std::size_t>(token)].end(), box.begin(),
                     [](double value) { return static_cast<std::int64_t>(value); });
      std::int64_t channel = put(out, token, 0, *x_rows, box[0], coordinate);
      channel = put(out, token, channel, *y_rows, box[1], coordinate);
      channel = put(out, token, channel, *x_rows, box[2], coordinate);
      channel = put(out, token, channel, *y_rows, box[3], coordinate);
      channel = put(out, token, channel, *height_rows, box[3] - box[1], shape);
      put(out, token, channel, *width_rows, box[2] - box[0], shape);
    }
  });
}

/// What a token is, where it stands, and its label.
void build_kinds(Builder &build, const LayoutConfig &config, const Tokens &tokens,
                 const FeatureMap &out) {
  const std::int64_t length = config.order_net.length;
  Weights &weights = build.weights();
  const auto &kinds = weights.constant("order.token_embd", length, 4);
  const auto &positions = weights.constant("order.pos_embd", length, config.n_queries + 2);
  const auto &labels = weights.constant("order.label_embd", length, config.n_labels());
  build.add_single("order_kinds", [=, &kinds, &positions, &labels] {
    const auto add = [&](std::int64_t token, const std::vector<float> &table, std::int64_t row) {
      for (std::int64_t i = 0; i < length; ++i) {
        out.at(i, token) += table[static_cast<std::size_t>(row * length + i)];
      }
    };
    for (std::int64_t token = 0; token < tokens->count(); ++token) {
      const OrderTokens::Kind kind = tokens->kind(token);
      put(out, token, 0, kinds, static_cast<std::int64_t>(kind), length);
      if (kind != OrderTokens::Kind::left_out) { // whose kind holds its position
        add(token, positions, token);
      }
      if (const std::int64_t label = tokens->labels[static_cast<std::size_t>(token)]; label >= 0) {
        add(token, labels, label);
      }
    }
  });
}

/// What is added to the scores of every layer: [head][panel of queries][key][lane].
void build_relations(Builder &build, const LayoutConfig &config, const Tokens &tokens,
                     const FeatureMap &x, const AttentionBias &bias) {
  const OrderNetConfig &order = config.order_net;
  const std::int64_t n_channels = 4 * order.relation_length;
  const auto &weight = build.weights().constant("order.relation.weight", n_channels, order.heads);
  const auto &offsets = build.weights().constant("order.relation.bias", order.heads, 1);
  const auto &frequencies =
      build.weights().constant("order.relation_freq", order.relation_length / 2, 1);
  const Relation relation(frequencies, order.relation_scale);
  constexpr float never = -1e30F;
  const std::int64_t n_panels = x.n_panels();
  const std::int64_t most_keys = x.width;
  const auto relate = [=, &weight, &offsets, n_heads = order.heads](const Part &part) {
    const std::int64_t n_tokens = tokens->count();
    const std::int64_t key = part.index;
    auto *described = reinterpret_cast<float *>(part.scratch);
    for (std::int64_t token = 0; token < n_tokens && key < n_tokens; ++token) {
      relation.describe(tokens->boxes[static_cast<std::size_t>(token)],
                        tokens->boxes[static_cast<std::size_t>(key)], described);
      for (std::int64_t head = 0; head < n_heads; ++head) {
        float sum = offsets[static_cast<std::size_t>(head)];
        for (std::int64_t i = 0; i < n_channels; ++i) {
          sum += weight[static_cast<std::size_t>(head * n_channels + i)] * described[i];
        }
        const std::int64_t panel = head * n_panels + token / lanes;
        bias.values[(panel * most_keys + key) * lanes + token % lanes] =
            tokens->kind(key) == OrderTokens::Kind::left_out ? never : sum;
      }
    }
  };
  build.add({
      "order_relations",
      most_keys,
      static_cast<std::size_t>(n_channels) * sizeof(float),
      relate,
  });
}

void build_layer(Builder &build, const OrderNetConfig &order, const std::string &name,
                 const FeatureMap &x, const AttentionBias &bias) {
  {
    const MapBuffer attended = build.map(x.n_channels, x.width, 1);
    {
      const MapBuffer queries = build.map(x.n_channels, x.width, 1);
      const MapBuffer keys = build.map(x.n_channels, x.width, 1);
      const MapBuffer values = build.map(x.n_channels, x.width, 1);
      build.linear(name + "attn_q", x, queries);
      build.linear(name + "attn_k", x, keys);
      build.linear(name + "attn_v", x, values);
      build_attention(build, queries, keys, values, attended, order.heads, &bias);
    }
    build.linear(name + "attn_out", attended, x, Activation::none, &x);
  }
  build.norm(name + "attn_norm", x, x, order.layer_norm_epsilon);
  const MapBuffer inner = build.map(order.feed_forward, x.width, 1);
  build.linear(name + "ffn_up", x, inner, Activation::gelu);
  build.linear(name + "ffn_down", inner, x, Activation::none, &x);
  build.norm(name + "ffn_norm", x, x, order.layer_norm_epsilon);
}

} // namespace

void build_order_net(Builder &whole, const LayoutConfig &config) {
  const OrderNetConfig &order = config.order_net;
  const auto tokens = std::make_shared<OrderTokens>();
  const auto n_tokens = std::make_shared<std::int64_t>(0);
  whole.add_single("order_tokens", [=, &results = whole.results(), thresholds = order.thresholds] {
    *tokens = order_tokens(results, thresholds);
    *n_tokens = tokens->count();
  });
  Builder build = whole.with_pixels(n_tokens);
  const std::int64_t most_tokens = config.n_queries + 3;
  const MapBuffer x = build.map(order.length, most_tokens, 1);
  {
    const MapBuffer kinds = build.map(order.length, most_tokens, 1);
    const MapBuffer coordinates =
        build.map(4 * order.coordinate_length + 2 * order.shape_length, most_tokens, 1);
    build_kinds(build, config, tokens, kinds);
    build_coordinates(build, order, tokens, coordinates);
    build.linear("order.spatial", coordinates, x, Activation::none, &kinds.map());
    build.norm("order.embd_norm", x, x, order.layer_norm_epsilon);
    build.keep_tokens("order_tokens", x);
  }
  const Buffer biases = build.buffer(order.heads * x.map().n_panels() * most_tokens * lanes);
  const AttentionBias bias{biases.data(), n_tokens};
  build_relations(build, config, tokens, x, bias);
  for (std::int64_t block = 0; block < order.blocks; ++block) {
    build_layer(build, order, "order." + std::to_string(block) + ".", x, bias);
    build.keep_tokens("order." + std::to_string(block), x);
  }
  const MapBuffer pointer = build.map(2 * config.pointer_length, most_tokens, 1);
  build.linear("order.pointer", x, pointer);
  whole.add_single("order_logits", [=, both = pointer.map(), &results = whole.results()] {
    const auto n_queries = static_cast<std::int64_t>(results.boxes.size()) / 4;
    results.order_logits =
        pointer_logits(both, n_queries, [&](std::int64_t i) { return tokens->of_query(i); });
  });
}

} // namespace ppocrvl::layout
