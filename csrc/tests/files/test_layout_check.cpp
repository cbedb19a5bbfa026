// SPDX-License-Identifier: Apache-2.0
#include "files/layout_check.h"
#include "files/model_check.h"
#include "support/error.h"
#include "tests/check.h"
#include "tests/gguf_builder.h"

#include <functional>

namespace ppocrvl::tests {

namespace {

constexpr int64_t dim = 4; // of encoder and decoder
constexpr int64_t ff = 8;
constexpr int64_t labels = 2;
constexpr int64_t anchors = 84; // 8 x 8, 4 x 4 and 2 x 2 of 64 x 64 pixels

void layer(GgufBuilder &builder, const std::string &name, int64_t in, int64_t out) {
  builder.tensor(name + ".weight", {in, out});
  builder.tensor(name + ".bias", {out});
}

void norm(GgufBuilder &builder, const std::string &name) {
  builder.tensor(name + ".weight", {dim});
  builder.tensor(name + ".bias", {dim});
}

void head(GgufBuilder &builder, const std::string &name, int64_t out) {
  layer(builder, name + ".0", dim, dim);
  layer(builder, name + ".1", dim, dim);
  layer(builder, name + ".2", dim, out);
}

void transformer(GgufBuilder &builder, const std::string &name) {
  for (const char *part : {".attn_q", ".attn_k", ".attn_v", ".attn_out"}) {
    layer(builder, name + part, dim, dim);
  }
  norm(builder, name + ".attn_norm");
  layer(builder, name + ".ffn_up", dim, ff);
  layer(builder, name + ".ffn_down", ff, dim);
  norm(builder, name + ".ffn_norm");
}

void keys(GgufBuilder &builder) {
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

void backbone(GgufBuilder &builder) {
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

/// A V3 file without masks, as small as can be.
GgufBuilder tiny_layout() {
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

std::string layout_error(const std::function<void(GgufBuilder &)> &edit,
                         ErrorKind kind = ErrorKind::model_format) {
  GgufBuilder builder = tiny_layout();
  edit(builder);
  return message_of(kind, [&] { check_layout(read_bytes(builder.bytes())); });
}

} // namespace

TEST_CASE("a layout file passes") {
  CHECK(layout_error([](auto &) {}) == "no error");
  CHECK(layout_error([](auto &b) { b.at("enc.lateral.0.weight").type = GGML_TYPE_BF16; }) ==
        "no error");
  CHECK(layout_error([](auto &b) { b.boolean("ppdoclayout.region.cover_ink", true); }) ==
        "no error");
  CHECK(model_role(read_bytes(tiny_layout().bytes())) == ModelRole::layout);
}

TEST_CASE("a layout file without one of its keys or tensors is refused") {
  const GgufBuilder whole = tiny_layout();
  for (const auto &entry : whole.keys) {
    if (entry.first != "general.architecture") {
      const std::string error = layout_error([&](auto &b) { b.remove_key(entry.first); });
      CHECK(contains(error, "key '" + entry.first + "' is missing"));
    }
  }
  for (const GgufBuilder::Tensor &tensor : whole.tensors) {
    CHECK(contains(layout_error([&](auto &b) { b.remove_tensor(tensor.name); }),
                   "tensor '" + tensor.name + "' is missing"));
    CHECK(contains(layout_error([&](auto &b) { b.at(tensor.name).shape.back() += 1; }),
                   "tensor '" + tensor.name + "' is ["));
  }
  CHECK(contains(layout_error([](auto &b) { b.tensor("dec.extra", {1}); }),
                 "unexpected tensor 'dec.extra'"));
}

TEST_CASE("numbers of a layout file are bounded") {
  const auto with = [](const char *key, uint32_t value) {
    return layout_error([=](auto &b) { b.u32(std::string("ppdoclayout.") + key, value); });
  };
  CHECK(contains(with("version", 4), "outside 2 to 3"));
  CHECK(contains(with("version", 2), "order.embedding_length' is missing"));
  CHECK(contains(with("image.width", 80), "no multiple of 32"));
  CHECK(contains(with("image.width", 0xFFFFFFE0), "outside 64 to 2048"));
  CHECK(contains(with("encoder.head_count", 3), "no multiple of 3"));
  CHECK(contains(with("decoder.query_count", 85), "more queries than its 84 anchors"));
  CHECK(contains(layout_error([](auto &b) {
                   b.u32("ppdoclayout.image.width", 2048);
                   b.u32("ppdoclayout.image.height", 2048);
                   b.u32("ppdoclayout.encoder.embedding_length", 32);
                   b.u32("ppdoclayout.encoder.head_count", 32);
                 }),
                 "the encoder's attention would have 536870912 elements"));
  CHECK(contains(layout_error([](auto &b) { b.boolean("ppdoclayout.mask.enhanced", true); }),
                 "has no masks"));
  CHECK(contains(layout_error([](auto &b) { b.strings("ppdoclayout.labels", {"text", "text"}); }),
                 "the label 'text' is there twice"));
  CHECK(contains(layout_error([](auto &b) { b.strings("ppdoclayout.labels", {}); }),
                 "it has 0 labels"));
  CHECK(contains(layout_error([](auto &b) { b.at("dec.memory.weight").type = GGML_TYPE_F16; }),
                 "'dec.memory.weight' cannot be of type F16"));
}

TEST_CASE("layout files and language models are told apart") {
  const GgufFile layout = read_bytes(tiny_layout().bytes());
  const auto mismatch = ErrorKind::model_mismatch;
  const char *given = "this is a layout model's file";
  CHECK(contains(message_of(mismatch, [&] { check_llm(layout); }), given));
  CHECK(contains(message_of(mismatch, [&] { check_mmproj(layout); }), given));
  CHECK(contains(message_of(mismatch, [] { check_layout(read_bytes(tiny_llm().bytes())); }),
                 "it was given as the layout model"));
  CHECK(contains(layout_error([](auto &b) { b.string("general.architecture", "llama"); }),
                 "its architecture is 'llama'"));
}

} // namespace ppocrvl::tests
