// SPDX-License-Identifier: Apache-2.0
#include "files/layout_check.h"
#include "files/model_check.h"
#include "support/error.h"
#include "tests/check.h"
#include "tests/gguf_builder.h"
#include "tests/layout_file.h"

#include <functional>

namespace ppocrvl::tests {

namespace {

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

TEST_CASE("layout files with masks and with an order net pass") {
  CHECK_EQUAL(layout_error([](auto &b) { b = tiny_layout_with_masks(); }), "no error");
  CHECK_EQUAL(layout_error([](auto &b) { b = tiny_layout_v2(); }), "no error");
  CHECK(contains(layout_error([](auto &b) {
                   b = tiny_layout_v2();
                   b.at("order.token_embd").shape = {layout_parts::dim, 3};
                 }),
                 "'order.token_embd' is [4, 3] instead of [4, 4]"));
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
  CHECK(contains(layout_error([](auto &b) { b.strings("ppdoclayout.labels", {"a", "\xd8 b"}); }),
                 "a label is"));
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
