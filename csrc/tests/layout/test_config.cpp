// SPDX-License-Identifier: Apache-2.0
#include "layout/config.h"
#include "tests/check.h"
#include "tests/gguf_builder.h"

#include <cmath>
#include <string>
#include <vector>

using ppocrvl::ErrorKind;
using ppocrvl::layout::LayoutConfig;
using ppocrvl::layout::read_config;
using ppocrvl::tests::contains;
using ppocrvl::tests::GgufBuilder;
using ppocrvl::tests::message_of;
using ppocrvl::tests::read_bytes;

namespace {

std::string key(const std::string &name) { return "ppdoclayout." + name; }

GgufBuilder valid() {
  GgufBuilder file;
  file.string("general.architecture", "ppdoclayout");
  for (const auto &[name, value] :
       std::vector<std::pair<std::string, unsigned>>{{"version", 3},
                                                     {"image.width", 96},
                                                     {"image.height", 64},
                                                     {"encoder.embedding_length", 16},
                                                     {"encoder.csp_length", 8},
                                                     {"encoder.block_count", 1},
                                                     {"encoder.head_count", 2},
                                                     {"encoder.feed_forward_length", 32},
                                                     {"decoder.embedding_length", 16},
                                                     {"decoder.block_count", 2},
                                                     {"decoder.head_count", 2},
                                                     {"decoder.point_count", 4},
                                                     {"decoder.feed_forward_length", 32},
                                                     {"decoder.query_count", 10},
                                                     {"order.pointer_length", 8},
                                                     {"mask.prototype_count", 4}}) {
    file.u32(key(name), value);
  }
  file.floats(key("image.mean"), {0.0F, 0.0F, 0.0F});
  file.floats(key("image.std"), {1.0F, 1.0F, 1.0F});
  file.strings(key("labels"), {"text", "table"});
  file.floats(key("thresholds"), {0.3F, 0.4F});
  file.f32(key("layer_norm_epsilon"), 1e-5F);
  file.ints(key("backbone.stem_lengths"), {3, 4, 8});
  file.ints(key("backbone.stage_mid_lengths"), {4, 4, 4, 4});
  file.ints(key("backbone.stage_out_lengths"), {8, 8, 8, 8});
  file.ints(key("backbone.stage_block_counts"), {1, 1, 1, 1});
  file.ints(key("backbone.stage_layer_counts"), {1, 1, 1, 1});
  file.ints(key("backbone.stage_kernel_sizes"), {3, 3, 5, 5});
  file.ints(key("backbone.stage_light"), {0, 0, 1, 1});
  file.boolean(key("mask.present"), true);
  file.boolean(key("mask.enhanced"), true);
  file.ints(key("mask.feature_lengths"), {4, 4});
  return file;
}

/// Whether a file is refused, with words of the key.
bool is_refused(const GgufBuilder &file, const std::string &name) {
  return contains(
      message_of(ErrorKind::model_format, [&] { read_config(read_bytes(file.bytes())); }), name);
}

} // namespace

TEST_CASE("layout config: sizes are those of the keys") {
  const LayoutConfig config = read_config(read_bytes(valid().bytes()));
  CHECK_EQUAL(config.width, 96);
  CHECK_EQUAL(config.height, 64);
  CHECK_EQUAL(config.n_anchors(), 12 * 8 + 6 * 4 + 3 * 2);
  CHECK_EQUAL(config.n_labels(), 2);
  CHECK_EQUAL(config.thresholds[1], 0.4F);
  CHECK_EQUAL(config.stem_lengths[2], 8);
  CHECK(config.is_mask_enhanced);
}

TEST_CASE("layout config: every key is needed") {
  const GgufBuilder complete = valid();
  for (std::size_t i = 1; i < complete.keys.size(); ++i) {
    GgufBuilder file = complete;
    const std::string name = file.keys[i].first;
    file.remove_key(name);
    CHECK(is_refused(file, name));
  }
}

TEST_CASE("layout config: what no such model has is refused") {
  const auto with = [](const std::string &name, auto change) {
    GgufBuilder file = valid();
    change(file, key(name));
    CHECK(is_refused(file, name));
  };
  with("image.width", [](auto &file, auto name) { file.u32(name, 100); });
  with("image.width", [](auto &file, auto name) { file.u32(name, 4096); });
  with("image.std", [](auto &file, auto name) { file.floats(name, {1.0F, 0.0F, 1.0F}); });
  with("image.std", [](auto &file, auto name) { file.floats(name, {1.0F, NAN, 1.0F}); });
  with("image.mean", [](auto &file, auto name) { file.floats(name, {0.0F}); });
  with("labels", [](auto &file, auto name) { file.strings(name, {"text", "text"}); });
  with("labels", [](auto &file, auto name) { file.strings(name, {}); });
  with("thresholds", [](auto &file, auto name) { file.floats(name, {0.3F, 1.5F}); });
  with("backbone.stem_lengths", [](auto &file, auto name) { file.ints(name, {3, 5, 8}); });
  with("backbone.stem_lengths", [](auto &file, auto name) { file.ints(name, {1, 4, 8}); });
  with("backbone.stage_mid_lengths", [](auto &file, auto name) { file.ints(name, {4, 4, -4, 4}); });
  with("backbone.stage_kernel_sizes", [](auto &file, auto name) { file.ints(name, {3, 3, 4, 5}); });
  with("encoder.embedding_length", [](auto &file, auto name) { file.u32(name, 18); });
  with("decoder.embedding_length", [](auto &file, auto name) { file.u32(name, 17); });
  with("decoder.query_count", [](auto &file, auto name) { file.u32(name, 127); });
  with("version", [](auto &file, auto name) { file.f32(name, 3.0F); });
  with("mask.enhanced",
       [](auto &file, auto /*name*/) { file.boolean(key("mask.present"), false); });
}

TEST_CASE("layout config: another model's file is a mismatch") {
  GgufBuilder file = valid();
  file.string("general.architecture", "ernie4_5");
  CHECK_THROWS_KIND(ErrorKind::model_mismatch, read_config(read_bytes(file.bytes())));
}
