// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/gguf_builder.h"
#include "tests/maps.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace ppocrvl::tests {

/// What the files below are made of.
namespace layout_parts {

constexpr int64_t dim = 4; // of encoder, decoder and order net
constexpr int64_t ff = 8;
constexpr int64_t labels = 2;
constexpr int64_t n_queries = 5;
constexpr int64_t anchors = 84; // 8 x 8, 4 x 4 and 2 x 2 of 64 x 64 pixels

inline void layer(GgufBuilder &builder, const std::string &name, int64_t in, int64_t out) {
  builder.tensor(name + ".weight", {in, out});
  builder.tensor(name + ".bias", {out});
}

inline void norm(GgufBuilder &builder, const std::string &name) {
  builder.tensor(name + ".weight", {dim});
  builder.tensor(name + ".bias", {dim});
}

inline void head(GgufBuilder &builder, const std::string &name, int64_t out) {
  layer(builder, name + ".0", dim, dim);
  layer(builder, name + ".1", dim, dim);
  layer(builder, name + ".2", dim, out);
}

inline void transformer(GgufBuilder &builder, const std::string &name) {
  for (const char *part : {".attn_q", ".attn_k", ".attn_v", ".attn_out"}) {
    layer(builder, name + part, dim, dim);
  }
  norm(builder, name + ".attn_norm");
  layer(builder, name + ".ffn_up", dim, ff);
  layer(builder, name + ".ffn_down", ff, dim);
  norm(builder, name + ".ffn_norm");
}

inline void keys(GgufBuilder &builder) {
  builder.string("general.architecture", "ppdoclayout");
  builder.u32("ppocrvl.format_version", 1);
  const std::string prefix = "ppdoclayout.";
  builder.strings(prefix + "labels", {"text", "table"});
  builder.floats(prefix + "thresholds", {0.3F, 0.3F});
  builder.floats(prefix + "image.mean", {0, 0, 0});
  builder.floats(prefix + "image.std", {1, 1, 1});
  builder.f32(prefix + "layer_norm_epsilon", 1e-5F);
  builder.ints(prefix + "backbone.stem_lengths", {3, 2, 2});
  builder.ints(prefix + "backbone.stage_mid_lengths", {1, 1, 1, 1});
  builder.ints(prefix + "backbone.stage_out_lengths", {2, 4, 6, 8});
  builder.ints(prefix + "backbone.stage_block_counts", {1, 1, 1, 1});
  builder.ints(prefix + "backbone.stage_layer_counts", {1, 1, 1, 1});
  builder.ints(prefix + "backbone.stage_kernel_sizes", {3, 3, 5, 5});
  builder.ints(prefix + "backbone.stage_light", {0, 0, 1, 1});
  builder.boolean(prefix + "mask.present", false);
  builder.boolean(prefix + "mask.enhanced", false);
  const std::vector<std::pair<const char *, uint32_t>> numbers = {
      {"version", 3},
      {"image.width", 64},
      {"image.height", 64},
      {"encoder.embedding_length", dim},
      {"encoder.csp_length", 3},
      {"encoder.block_count", 1},
      {"encoder.head_count", 2},
      {"encoder.feed_forward_length", ff},
      {"decoder.embedding_length", dim},
      {"decoder.block_count", 1},
      {"decoder.head_count", 2},
      {"decoder.point_count", 1},
      {"decoder.feed_forward_length", ff},
      {"decoder.query_count", 5},
      {"order.pointer_length", 7},
  };
  for (const auto &[key, value] : numbers) {
    builder.u32(prefix + key, value);
  }
}

inline void backbone(GgufBuilder &builder) {
  layer(builder, "backbone.stem1", 27, 2);
  layer(builder, "backbone.stem2a", 8, 1);
  layer(builder, "backbone.stem2b", 4, 2);
  layer(builder, "backbone.stem3", 36, 2);
  layer(builder, "backbone.stem4", 2, 2);
  layer(builder, "backbone.0.0.0.conv", 18, 1);
  layer(builder, "backbone.0.0.squeeze", 3, 1);
  layer(builder, "backbone.0.0.excite", 1, 2);
  layer(builder, "backbone.1.down", 9, 2);
  layer(builder, "backbone.1.0.0.conv", 18, 1);
  layer(builder, "backbone.1.0.squeeze", 3, 2);
  layer(builder, "backbone.1.0.excite", 2, 4);
  layer(builder, "backbone.2.down", 9, 4);
  layer(builder, "backbone.2.0.0.point", 4, 1);
  layer(builder, "backbone.2.0.0.depth", 25, 1);
  layer(builder, "backbone.2.0.squeeze", 5, 3);
  layer(builder, "backbone.2.0.excite", 3, 6);
  layer(builder, "backbone.3.down", 9, 6);
  layer(builder, "backbone.3.0.0.point", 6, 1);
  layer(builder, "backbone.3.0.0.depth", 25, 1);
  layer(builder, "backbone.3.0.squeeze", 7, 4);
  layer(builder, "backbone.3.0.excite", 4, 8);
}

} // namespace layout_parts

/// A V3 file without masks, as small as can be.
inline GgufBuilder tiny_layout() {
  using namespace layout_parts;
  GgufBuilder builder;
  keys(builder);
  backbone(builder);
  builder.tensor("enc.pos_embd", {dim, 4});
  transformer(builder, "enc.aifi.0");
  for (int level = 0; level < 3; ++level) {
    layer(builder, "enc.proj." + std::to_string(level), 4 + 2 * level, dim);
    layer(builder, "dec.proj." + std::to_string(level), dim, dim);
  }
  for (const char *number : {"0", "1"}) {
    layer(builder, std::string("enc.lateral.") + number, dim, dim);
    layer(builder, std::string("enc.down.") + number, dim * 9, dim);
    for (const char *kind : {"enc.fpn.", "enc.pan."}) {
      const std::string name = std::string(kind) + number;
      layer(builder, name + ".conv1", 2 * dim, 3);
      layer(builder, name + ".conv2", 2 * dim, 3);
      for (const char *rep : {".rep.0", ".rep.1", ".rep.2"}) {
        layer(builder, name + rep, 27, 3);
      }
      layer(builder, name + ".conv3", 3, dim);
    }
  }
  builder.tensor("dec.anchors", {4, anchors});
  builder.tensor("dec.anchors_valid", {1, anchors});
  layer(builder, "dec.memory", dim, dim);
  norm(builder, "dec.memory_norm");
  layer(builder, "dec.enc_class", dim, labels);
  head(builder, "dec.enc_box", 4);
  layer(builder, "dec.query_pos.0", 4, 2 * dim);
  layer(builder, "dec.query_pos.1", 2 * dim, dim);
  transformer(builder, "dec.0");
  layer(builder, "dec.0.cross_offsets", dim, 12);
  layer(builder, "dec.0.cross_weights", dim, 6);
  layer(builder, "dec.0.cross_value", dim, dim);
  layer(builder, "dec.0.cross_out", dim, dim);
  norm(builder, "dec.0.cross_norm");
  norm(builder, "dec.norm");
  layer(builder, "dec.class", dim, labels);
  head(builder, "dec.box", 4);
  layer(builder, "order.head", dim, dim);
  layer(builder, "order.pointer", dim, 14);
  return builder;
}

/// The same with masks, from which the first boxes come.
inline GgufBuilder tiny_layout_with_masks() {
  using namespace layout_parts;
  GgufBuilder builder = tiny_layout();
  builder.boolean("ppdoclayout.mask.present", true);
  builder.boolean("ppdoclayout.mask.enhanced", true);
  builder.u32("ppdoclayout.mask.prototype_count", 3);
  builder.ints("ppdoclayout.mask.feature_lengths", {5, 6});
  for (const char *level : {"0.0", "1.0", "2.0"}) {
    layer(builder, std::string("mask.fpn.") + level, dim * 9, 5);
  }
  layer(builder, "mask.fpn.2.1", 45, 5);
  layer(builder, "mask.fpn_out", 45, 6);
  layer(builder, "mask.lateral", 18, 6);
  layer(builder, "mask.base", 54, 6);
  layer(builder, "mask.prototypes", 6, 3);
  head(builder, "mask.query", 3);
  return builder;
}

/// A V2 file, as small as can be.
inline GgufBuilder tiny_layout_v2() {
  using namespace layout_parts;
  GgufBuilder builder = tiny_layout();
  builder.remove_key("ppdoclayout.mask.present");
  builder.remove_key("ppdoclayout.mask.enhanced");
  for (const char *name : {"dec.norm", "dec.box.0", "dec.box.1", "dec.box.2", "order.head"}) {
    builder.remove_tensor(std::string(name) + ".weight");
    builder.remove_tensor(std::string(name) + ".bias");
  }
  const std::vector<std::pair<const char *, uint32_t>> numbers = {
      {"version", 2},
      {"order.embedding_length", dim},
      {"order.block_count", 1},
      {"order.head_count", 2},
      {"order.feed_forward_length", ff},
      {"order.coordinate_length", 3},
      {"order.shape_length", 2},
      {"order.position_count", 1024},
      {"order.relation_length", 4},
  };
  for (const auto &[key, value] : numbers) {
    builder.u32(std::string("ppdoclayout.") + key, value);
  }
  builder.f32("ppdoclayout.order.relation_scale", 100);
  builder.f32("ppdoclayout.order.layer_norm_epsilon", 1e-5F);
  builder.floats("ppdoclayout.order.thresholds", {0.5F, 0.5F});
  head(builder, "dec.0.box", 4);
  builder.tensor("order.token_embd", {dim, 4});
  builder.tensor("order.pos_embd", {dim, n_queries + 2});
  builder.tensor("order.label_embd", {dim, labels});
  for (const auto &[name, length] : {std::pair{"x", 3}, {"y", 3}, {"w", 2}, {"h", 2}}) {
    builder.tensor(std::string("order.") + name + "_embd", {length, 1024});
  }
  layer(builder, "order.spatial", 16, dim);
  norm(builder, "order.embd_norm");
  layer(builder, "order.relation", 16, 2);
  builder.tensor("order.relation_freq", {2});
  transformer(builder, "order.0");
  return builder;
}

/// The file's bytes with numbers from -1 to 1 for weights.
inline std::string with_random_weights(const GgufBuilder &builder, std::uint32_t seed) {
  std::string bytes = builder.bytes();
  test::Numbers numbers(seed);
  for (std::size_t at = builder.padded(builder.header().size()); at + 4 <= bytes.size(); at += 4) {
    const float value = numbers.next();
    bytes.replace(at, 4, GgufBuilder::raw(value));
  }
  return bytes;
}

} // namespace ppocrvl::tests
