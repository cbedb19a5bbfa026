// SPDX-License-Identifier: Apache-2.0
#include "files/gguf_file.h"
#include "files/row_format.h"
#include "tests/check.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

using ppocrvl::dequantize_rows;
using ppocrvl::ErrorKind;
using ppocrvl::quantize_rows;
using ppocrvl::quantized_row_bytes;
using ppocrvl::RowLoss;
using ppocrvl::RowShape;

namespace {

constexpr RowShape shape{5, 256};

std::vector<float> wave() {
  std::vector<float> values(static_cast<std::size_t>(shape.n_rows * shape.n_per_row));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = std::sin(static_cast<float>(i) * 0.37F) * static_cast<float>(1 + i % 7);
  }
  return values;
}

std::vector<std::uint8_t> space_for(const std::string &type) {
  return std::vector<std::uint8_t>(static_cast<std::size_t>(shape.n_rows) *
                                   quantized_row_bytes(type, shape.n_per_row));
}

double relative(const RowLoss &loss) { return std::sqrt(loss.squared_error / loss.squared_norm); }

} // namespace

TEST_CASE("row format: more bits lose less, and the loss is that of what is read back") {
  const auto values = wave();
  double last = 0;
  for (const char *type : {"F32", "BF16", "Q8_0", "Q6_K", "Q5_K", "q4_k", "Q3_K", "Q2_K"}) {
    auto bytes = space_for(type);
    const RowLoss loss = quantize_rows(type, values.data(), shape, nullptr, 1, bytes.data());
    CHECK(relative(loss) >= last);
    last = relative(loss);
    std::vector<float> back(values.size());
    dequantize_rows(type, bytes.data(), shape, 1, back.data());
    double squared_error = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double gap = static_cast<double>(back[i]) - static_cast<double>(values[i]);
      squared_error += gap * gap;
    }
    CHECK(std::abs(squared_error - loss.squared_error) <= 1e-9 * (1 + loss.squared_error));
  }
  CHECK(last > 0.05); // two bits
  CHECK(last < 0.5);
}

TEST_CASE("row format: threads change no byte") {
  const auto values = wave();
  auto one = space_for("Q4_K");
  auto many = space_for("Q4_K");
  quantize_rows("Q4_K", values.data(), shape, nullptr, 1, one.data());
  quantize_rows("Q4_K", values.data(), shape, nullptr, 7, many.data());
  CHECK(one == many);
}

TEST_CASE("row format: what ggml would abort on is refused") {
  const auto values = wave();
  std::vector<std::uint8_t> out(1 << 16);
  const auto kind = [&](const char *type, RowShape of) {
    quantize_rows(type, values.data(), of, nullptr, 1, out.data());
  };
  CHECK_THROWS_KIND(ErrorKind::option, kind("Q4_K", {1, 128}));
  CHECK_THROWS_KIND(ErrorKind::option, kind("Q8_0", {1, 31}));
  CHECK_THROWS_KIND(ErrorKind::option, kind("Q8_0", {-1, 32}));
  CHECK_THROWS_KIND(ErrorKind::option, kind("Q8_0", {std::int64_t{1} << 60, 32}));
  CHECK_THROWS_KIND(ErrorKind::option, kind("I32", shape));
  CHECK_THROWS_KIND(ErrorKind::option, kind("Q8_K", shape));
  CHECK_THROWS_KIND(ErrorKind::option, kind("Q8_1", shape));
  CHECK_THROWS_KIND(ErrorKind::option, kind("IQ2_XXS", shape)); // without importance
  CHECK_THROWS_KIND(ErrorKind::option, kind("nonsense", shape));
  for (const float bad : {-1.0F, std::numeric_limits<float>::quiet_NaN()}) {
    std::vector<float> importance(256, 1.0F);
    importance[9] = bad;
    CHECK_THROWS_KIND(ErrorKind::option, quantize_rows("IQ3_S", values.data(), shape,
                                                       importance.data(), 1, out.data()));
  }
}

TEST_CASE("row format: values that no scale can hold are refused in every type of blocks") {
  for (const char *type : {"Q8_0", "Q6_K", "Q4_K", "Q2_K", "Q4_0", "IQ4_NL", "IQ4_XS", "IQ3_S"}) {
    auto values = wave();
    auto out = space_for("F32");
    values[300] = 1e18F; // IQ3_S would abort
    CHECK_THROWS_KIND(ErrorKind::model_format,
                      quantize_rows(type, values.data(), shape, nullptr, 2, out.data()));
  }
}

TEST_CASE("row format: values that are lost are refused") {
  auto out = space_for("F32");
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 1e30F}) {
    auto values = wave();
    values[700] = bad;
    for (const int n_threads : {1, 4}) {
      CHECK_THROWS_KIND(ErrorKind::model_format,
                        quantize_rows("F16", values.data(), shape, nullptr, n_threads, out.data()));
    }
  }
}

TEST_CASE("row format: importance moves the error to where it does not matter") {
  const auto values = wave();
  std::vector<float> importance(256, 0.01F);
  for (std::size_t i = 0; i < importance.size(); i += 4) {
    importance[i] = 100.0F;
  }
  const auto error_of_important = [&](const float *weights) {
    auto bytes = space_for("Q4_K");
    quantize_rows("Q4_K", values.data(), shape, weights, 1, bytes.data());
    std::vector<float> back(values.size());
    dequantize_rows("Q4_K", bytes.data(), shape, 1, back.data());
    double sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double gap = static_cast<double>(back[i]) - static_cast<double>(values[i]);
      sum += i % 4 == 0 ? gap * gap : 0;
    }
    return sum;
  };
  CHECK(error_of_important(importance.data()) < 0.9 * error_of_important(nullptr));
}
