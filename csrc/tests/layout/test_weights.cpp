// SPDX-License-Identifier: Apache-2.0
#include "kernels/map_kernels.h"
#include "layout/weights.h"
#include "tests/check.h"
#include "tests/gguf_builder.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>

using namespace ppocrvl::tests;
using ppocrvl::ErrorKind;
using ppocrvl::GgufFile;
using ppocrvl::kernels::ConvolutionKernels;
using ppocrvl::layout::FeatureMap;
using ppocrvl::layout::ProductWeights;
using ppocrvl::layout::Weights;

namespace {

/// One tensor after the other counts from 0 on.
std::string counting_file(const GgufBuilder &builder) {
  std::string bytes = builder.bytes();
  std::uint64_t at = builder.padded(builder.header().size());
  for (const GgufBuilder::Tensor &tensor : builder.tensors) {
    const std::uint64_t count = GgufBuilder::tensor_bytes(tensor) / sizeof(float);
    for (std::uint64_t i = 0; i < count; ++i) {
      bytes.replace(at + i * sizeof(float), sizeof(float), GgufBuilder::raw(static_cast<float>(i)));
    }
    at += builder.padded(GgufBuilder::tensor_bytes(tensor));
  }
  return bytes;
}

GgufBuilder convolution() {
  GgufBuilder builder;
  builder.tensor("conv.weight", {18, 3}); // 2 channels in, 3 out, 3 x 3
  builder.tensor("conv.bias", {3});
  builder.tensor("table", {3, 40});
  return builder;
}

/// Kernels that keep rows as they get them.
ConvolutionKernels plain_kernels() {
  ConvolutionKernels kernels{};
  kernels.weight_bytes = [](std::int64_t n_rows, std::int64_t n_places, std::int64_t n_channels) {
    return static_cast<std::size_t>(n_rows * n_places * n_channels) * sizeof(float);
  };
  kernels.pack = [](const float *rows, std::int64_t n_rows, std::int64_t n_places,
                    std::int64_t n_channels, void *packed) {
    std::copy_n(rows, n_rows * n_places * n_channels, static_cast<float *>(packed));
  };
  return kernels;
}

} // namespace

TEST_CASE("layout weights: a convolution's rows have the channels within the window's places") {
  const TemporaryFile file(counting_file(convolution()));
  const GgufFile header = ppocrvl::read_gguf(file.path());
  Weights weights(header);
  const ConvolutionKernels kernels = plain_kernels();
  const ProductWeights &read = weights.product("conv", 2, 3, 3, kernels);
  CHECK_EQUAL(read.bias[2], 2.0F);
  const auto *values = reinterpret_cast<const float *>(read.packed.get());
  bool is_right = true;
  for (std::int64_t row = 0; row < 3; ++row) {
    for (std::int64_t place = 0; place < 9; ++place) {
      for (std::int64_t channel = 0; channel < 2; ++channel) {
        const float value = values[row * 18 + place * 2 + channel];
        is_right = is_right && value == static_cast<float>(row * 18 + channel * 9 + place);
      }
    }
  }
  CHECK(is_right);
  CHECK(&weights.product("conv", 2, 3, 3, kernels) == &read); // is kept
}

TEST_CASE("layout weights: a table's rows as tokens") {
  const TemporaryFile file(counting_file(convolution()));
  const GgufFile header = ppocrvl::read_gguf(file.path());
  Weights weights(header);
  const FeatureMap tokens = weights.tokens("table", 3, 40);
  CHECK_EQUAL(tokens.n_pixels(), 40);
  CHECK_EQUAL(tokens.at(2, 39), 119.0F);
  CHECK(weights.tokens("table", 3, 40).data == tokens.data);
}

TEST_CASE("layout weights: what is missing, of another shape or no number is refused") {
  const TemporaryFile file(counting_file(convolution()));
  const GgufFile header = ppocrvl::read_gguf(file.path());
  Weights weights(header);
  const auto error = [&](auto read) { return message_of(ErrorKind::model_format, read); };
  CHECK(contains(error([&] { weights.norm("conv1", 3); }), "conv1.weight is missing"));
  const ConvolutionKernels kernels = plain_kernels();
  CHECK(contains(error([&] { weights.product("conv", 3, 3, 3, kernels); }),
                 "conv.weight has another shape"));
  CHECK(contains(error([&] { weights.constant("table", 2, 60); }), "table has another shape"));
  CHECK(contains(error([&] { weights.constant("table", 3, 41); }), "table has another shape"));

  std::string broken = counting_file(convolution());
  broken.replace(broken.size() - 4, 4, GgufBuilder::raw(std::nanf("")));
  const TemporaryFile wrong(broken);
  const GgufFile wrong_header = ppocrvl::read_gguf(wrong.path());
  Weights wrong_weights(wrong_header);
  CHECK(contains(error([&] { wrong_weights.constant("table", 3, 40); }), "no finite number"));

  GgufBuilder packed = convolution();
  packed.tensor("packed", {256, 1}, GGML_TYPE_Q4_K);
  const TemporaryFile other(packed.bytes());
  const GgufFile other_header = ppocrvl::read_gguf(other.path());
  Weights other_weights(other_header);
  CHECK(contains(error([&] { other_weights.constant("packed", 256, 1); }), "is of the type Q4_K"));
}
