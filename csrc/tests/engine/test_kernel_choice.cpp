// SPDX-License-Identifier: Apache-2.0
#include "engine/kernel_choice.h"
#include "tests/check.h"
#include "tests/gguf_builder.h"

#include <cstdint>
#include <string>

namespace ppocrvl::tests {

namespace {

using kernels::Kernels;
using kernels::LinearNumbers;

GgufFile with_type(GgufBuilder builder, ggml_type type) {
  for (GgufBuilder::Tensor &tensor : builder.tensors) {
    tensor.type = tensor.shape.size() == 2 ? std::int32_t{type} : tensor.type;
  }
  return read_bytes(builder.bytes());
}

GgufFile llm(ggml_type type) { return with_type(tiny_llm(), type); }

GgufFile mmproj(ggml_type type) { return with_type(tiny_mmproj(), type); }

} // namespace

TEST_CASE("kernel choice: each graph's kernels go by its own file") {
  if (kernels::available().empty()) {
    return;
  }
  const Kernels &fastest = kernels::available().front();
  for (const auto precision : {VisionPrecision::automatic, VisionPrecision::fast}) {
    const auto exact_vision =
        choose_kernels("auto", precision, llm(GGML_TYPE_BF16), mmproj(GGML_TYPE_F32));
    CHECK(exact_vision.vision->linear.numbers == LinearNumbers::float32);
    CHECK_EQUAL(kernels_name(exact_vision.decoder), fastest.decoder->name);
    const auto exact_decoder =
        choose_kernels("auto", precision, llm(GGML_TYPE_F32), mmproj(GGML_TYPE_BF16));
    CHECK(!exact_decoder.decoder->operands.is_bf16);
    CHECK(exact_decoder.vision->linear.numbers == fastest.vision->linear.numbers ||
          precision == VisionPrecision::fast);
  }
}

TEST_CASE("kernel choice: int8 is for an encoder that is to be fast, never for a decoder") {
  for (const Kernels &one : kernels::available()) {
    const auto named = choose_kernels(one.vision->name, VisionPrecision::automatic,
                                      llm(GGML_TYPE_BF16), mmproj(GGML_TYPE_BF16));
    CHECK_EQUAL(kernels_name(named.vision), one.vision->name);
    CHECK_EQUAL(kernels_name(named.decoder), one.decoder->name);
    CHECK(kernels_name(named.decoder).find("int") == std::string::npos);
    const auto usual = choose_kernels("auto", VisionPrecision::automatic, llm(GGML_TYPE_BF16),
                                      mmproj(GGML_TYPE_BF16));
    CHECK(usual.vision->inner_linear.numbers != LinearNumbers::int8);
  }
}

TEST_CASE("kernel choice: exact and ggml's own operations hold for both graphs") {
  const GgufFile text = llm(GGML_TYPE_BF16);
  const GgufFile pictures = mmproj(GGML_TYPE_BF16);
  const auto none = choose_kernels("ggml", VisionPrecision::automatic, text, pictures);
  CHECK(none.vision == nullptr && none.decoder == nullptr);
  CHECK_EQUAL(kernels_name(none.vision), "ggml");
  CHECK_EQUAL(kernels_name(none.decoder), "ggml");
  const auto exact = choose_kernels("auto", VisionPrecision::exact, text, pictures);
  CHECK(exact.vision == nullptr || exact.vision->linear.numbers == LinearNumbers::float32);
  CHECK(exact.decoder == nullptr || !exact.decoder->operands.is_bf16);
  CHECK(contains(
      message_of(ErrorKind::option,
                 [&] { choose_kernels("sse", VisionPrecision::automatic, text, pictures); }),
      "kernels must be one of auto, ggml"));
}

} // namespace ppocrvl::tests
