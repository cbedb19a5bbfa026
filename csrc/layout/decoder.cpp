// SPDX-License-Identifier: Apache-2.0
#include "layout/decoder.h"

#include "layout/attention.h"
#include "layout/deformable.h"
#include "layout/masks.h"
#include "layout/order_net.h"
#include "layout/perceptron.h"
#include "layout/pointer.h"
#include "layout/query_masks.h"
#include "layout/query_selection.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>

namespace ppocrvl::layout {
namespace {

using kernels::lanes;
using Levels = std::array<FeatureMap, LayoutConfig::n_levels>;

/// Row-major tokens of a map.
void build_rows(Builder &build, const FeatureMap &in, float *rows) {
  build.add_panels("rows", in.n_panels(), 16, 0,
                   [in, rows](std::int64_t first, std::int64_t count, std::byte *) {
                     const std::int64_t end = std::min((first + count) * lanes, in.n_pixels());
                     for (std::int64_t token = first * lanes; token < end; ++token) {
                       for (std::int64_t channel = 0; channel < in.n_channels; ++channel) {
                         rows[token * in.n_channels + channel] = in.at(channel, token);
                       }
                     }
                   });
}

void build_self_attention(Builder &build, const LayoutConfig &config, const std::string &name,
                          const FeatureMap &x, const FeatureMap &positions) {
  const MapBuffer attended = build.map(x.n_channels, x.width, 1);
  {
    const MapBuffer placed = build.map(x.n_channels, x.width, 1);
    const MapBuffer queries = build.map(x.n_channels, x.width, 1);
    const MapBuffer keys = build.map(x.n_channels, x.width, 1);
    const MapBuffer values = build.map(x.n_channels, x.width, 1);
    build.add_maps(x, positions, placed);
    build.linear(name + "attn_q", placed, queries);
    build.linear(name + "attn_k", placed, keys);
    build.linear(name + "attn_v", x, values);
    build_attention(build, queries, keys, values, attended, config.decoder_heads);
  }
  build.linear(name + "attn_out", attended, x, Activation::none, &x);
  build.norm(name + "attn_norm", x, x, config.layer_norm_epsilon);
}

void build_cross_attention(Builder &build, const LayoutConfig &config, const std::string &name,
                           const FeatureMap &x, const FeatureMap &positions,
                           const FeatureMap &references, const Levels &memories) {
  const std::int64_t n_samples = config.decoder_heads * LayoutConfig::n_levels * config.n_points;
  const Buffer rows = build.buffer(config.n_anchors() * config.decoder_length);
  const MapBuffer placed = build.map(x.n_channels, x.width, 1);
  const MapBuffer offsets = build.map(2 * n_samples, x.width, 1);
  const MapBuffer weights = build.map(n_samples, x.width, 1);
  const MapBuffer sampled = build.map(x.n_channels, x.width, 1);
  build.add_maps(x, positions, placed);
  build.linear(name + "cross_offsets", placed, offsets);
  build.linear(name + "cross_weights", placed, weights);
  Deformable task{{}, references, offsets, weights, sampled, config.decoder_heads, config.n_points};
  float *level_rows = rows.data();
  for (const FeatureMap &memory : memories) {
    const MapBuffer values = build.map(memory.n_channels, memory.width, memory.height);
    build.linear(name + "cross_value", memory, values);
    build_rows(build, values, level_rows);
    task.levels.push_back({level_rows, memory.width, memory.height});
    level_rows += memory.n_pixels() * memory.n_channels;
  }
  build.add_panels(name + "cross", x.n_panels(), 1, 0,
                   [task](std::int64_t first, std::int64_t count, std::byte *) {
                     deformable_attention(task, first, count);
                   });
  build.linear(name + "cross_out", sampled, x, Activation::none, &x);
  build.norm(name + "cross_norm", x, x, config.layer_norm_epsilon);
}

void build_feed_forward(Builder &build, const LayoutConfig &config, const std::string &name,
                        const FeatureMap &x) {
  const MapBuffer inner = build.map(config.decoder_feed_forward, x.width, 1);
  build.linear(name + "ffn_up", x, inner, Activation::relu);
  build.linear(name + "ffn_down", inner, x, Activation::none, &x);
  build.norm(name + "ffn_norm", x, x, config.layer_norm_epsilon);
}

/// Moves the references by what the box head says.
void build_refinement(Builder &build, const std::string &head, const FeatureMap &x,
                      const FeatureMap &references) {
  const MapBuffer corners = build.map(4, x.width, 1);
  build_perceptron(build, head, x, corners);
  const FeatureMap moves = corners;
  build.add_single("refine", [moves, references] {
    for (std::int64_t query = 0; query < references.n_pixels(); ++query) {
      for (std::int64_t i = 0; i < 4; ++i) {
        float &value = references.at(i, query);
        value = 1.0F / (1.0F + std::exp(-(moves.at(i, query) + inverse_sigmoid(value))));
      }
    }
  });
}

/// V3's order of the queries.
void build_order(Builder &build, const LayoutConfig &config, const FeatureMap &x) {
  const MapBuffer head = build.map(x.n_channels, x.width, 1);
  const MapBuffer pointer = build.map(2 * config.pointer_length, x.width, 1);
  build.linear("order.head", x, head);
  build.linear("order.pointer", head, pointer);
  build.add_single("order_logits", [both = pointer.map(), &results = build.results()] {
    results.order_logits =
        pointer_logits(both, both.n_pixels(), [](std::int64_t query) { return query; });
  });
}

void build_results(Builder &build, const LayoutConfig &config, const FeatureMap &x,
                   const FeatureMap &references) {
  const MapBuffer classes = build.map(config.n_labels(), x.width, 1);
  build.linear("dec.class", x, classes);
  build.add_single("results", [classes = classes.map(), references, &results = build.results()] {
    results.logits = token_array(classes).values;
    results.boxes = token_array(references).values;
  });
}

void build_heads(Builder &build, const LayoutConfig &config, const FeatureMap &x,
                 const FeatureMap &references, const FeatureMap *prototypes) {
  if (config.version == 2) {
    build_results(build, config, x, references);
    build_order_net(build, config);
    return;
  }
  const MapBuffer normed = build.map(x.n_channels, x.width, 1);
  build.norm("dec.norm", x, normed, config.layer_norm_epsilon);
  build_results(build, config, normed, references);
  if (prototypes != nullptr) {
    const MapBuffer mask_queries = build.map(config.n_prototypes, x.width, 1);
    build_perceptron(build, "mask.query", normed, mask_queries);
    build.add_single("mask_queries", [queries = mask_queries.map(), &results = build.results()] {
      results.mask_queries = token_array(queries).values;
    });
    keep_masks(build, "masks", mask_queries, *prototypes);
  }
  build_order(build, config, normed);
}

} // namespace

void build_decoder(Builder &build, const LayoutConfig &config, const Levels &levels,
                   const FeatureMap *prototypes) {
  const std::int64_t length = config.decoder_length;
  const MapBuffer first = build.map(length, levels[0].width, levels[0].height);
  const MapBuffer second = build.map(length, levels[1].width, levels[1].height);
  const MapBuffer third = build.map(length, levels[2].width, levels[2].height);
  const Levels memories{first.map(), second.map(), third.map()};
  for (std::size_t level = 0; level < levels.size(); ++level) {
    build.linear("dec.proj." + std::to_string(level), levels[level], memories[level]);
    build.keep_tokens("memory." + std::to_string(level), memories[level]);
  }
  const MapBuffer x = build.map(length, config.n_queries, 1);
  const MapBuffer references = build.map(4, config.n_queries, 1);
  build_query_selection(build, config, memories, prototypes, x, references);
  build.keep_tokens("queries", x);
  build.keep_tokens("references", references);
  for (std::int64_t block = 0; block < config.decoder_blocks; ++block) {
    const std::string name = "dec." + std::to_string(block) + ".";
    const MapBuffer positions = build.map(length, config.n_queries, 1);
    {
      const MapBuffer inner = build.map(2 * length, config.n_queries, 1);
      build.linear("dec.query_pos.0", references, inner, Activation::relu);
      build.linear("dec.query_pos.1", inner, positions);
    }
    build_self_attention(build, config, name, x, positions);
    build_cross_attention(build, config, name, x, positions, references, memories);
    build_feed_forward(build, config, name, x);
    build_refinement(build, config.version == 2 ? name + "box" : "dec.box", x, references);
    build.keep_tokens("decoder." + std::to_string(block), x);
    build.keep_tokens("references." + std::to_string(block), references);
  }
  build_heads(build, config, x, references, prototypes);
}

} // namespace ppocrvl::layout
