// SPDX-License-Identifier: Apache-2.0
#include "kernels/map_kernels.h"
#include "tests/check.h"
#include "tests/maps.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

using ppocrvl::kernels::Activation;
using ppocrvl::kernels::all_convolution_kernels;
using ppocrvl::kernels::all_map_kernels;
using ppocrvl::kernels::ConvolutionKernels;
using ppocrvl::kernels::lanes;
using ppocrvl::kernels::MapKernels;
using ppocrvl::kernels::Precision;
using ppocrvl::kernels::Window;
using ppocrvl::layout::FeatureMap;
using ppocrvl::test::is_near;
using ppocrvl::test::Numbers;
using ppocrvl::test::OwnMap;
using ppocrvl::test::OwnScratch;

namespace kernels = ppocrvl::kernels;

#ifdef PPOCRVL_SOFTWARE_TILES
namespace ppocrvl::kernels {
extern const ConvolutionKernels software_split_tiles; // compiled for AVX512-BF16
} // namespace ppocrvl::kernels
#endif

namespace {

double activated(double x, Activation activation) {
  switch (activation) {
  case Activation::none:
    return x;
  case Activation::relu:
    return std::max(x, 0.0);
  case Activation::silu:
    return x / (1 + std::exp(-x));
  case Activation::gelu:
    return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
  case Activation::sigmoid:
    return 1 / (1 + std::exp(-x));
  }
  return 0;
}

/// What a window's place sees: zero outside.
double seen(const FeatureMap &in, const Window &window, std::int64_t channel, std::int64_t x,
            std::int64_t y, std::int64_t column, std::int64_t row) {
  const std::int64_t in_x = x * window.step - window.padding + column;
  const std::int64_t in_y = y * window.step - window.padding + row;
  const bool is_inside = in_x >= 0 && in_x < in.width && in_y >= 0 && in_y < in.height;
  return is_inside ? static_cast<double>(in.at(channel, in_y * in.width + in_x)) : 0.0;
}

struct Shape {
  std::int64_t size;
  std::int64_t step;
  std::int64_t padding;
};

/// Those of the model, and their output's side.
constexpr Shape shapes[] = {{1, 1, 0}, {2, 1, 0}, {3, 1, 1}, {3, 2, 1}, {5, 1, 2}, {7, 1, 3}};

std::int64_t out_side(const Shape &shape, std::int64_t side) {
  return (side + shape.step - 1) / shape.step;
}

Window window_of(const Shape &shape, const FeatureMap &in, const FeatureMap &out) {
  return {shape.size, shape.step, shape.padding, in.width, in.height, out.width, out.height};
}

struct Tested {
  const ConvolutionKernels *kernels;
  double tolerance;
};

/// All convolutions, and how far each may be from float64, bfloat16 for each root of a column.
std::vector<Tested> all_tested() {
  std::vector<Tested> all;
  for (const auto &[precision, tolerance] : {
           std::pair(Precision::f32, 1e-4),
           std::pair(Precision::split, 2e-4),
           std::pair(Precision::bf16, 5e-3),
       }) {
    for (const ConvolutionKernels *kernels : all_convolution_kernels(precision)) {
      all.push_back({kernels, tolerance});
    }
  }
#ifdef PPOCRVL_SOFTWARE_TILES
  if (!all_convolution_kernels(Precision::bf16).empty()) {
    all.push_back({&kernels::software_split_tiles, 2e-4});
  }
#endif
  return all;
}

std::vector<std::byte> packed(const ConvolutionKernels &kernels, const std::vector<float> &rows,
                              std::int64_t n_rows, std::int64_t n_places, std::int64_t n_channels) {
  std::vector<std::byte> weights(kernels.weight_bytes(n_rows, n_places, n_channels));
  kernels.pack(rows.data(), n_rows, n_places, n_channels, weights.data());
  return weights;
}

/// A window's product with one row of weights, [place of the window][channel].
double product(const FeatureMap &in, const Window &window, std::int64_t x, std::int64_t y,
               const float *weights, std::int64_t n_channels) {
  double sum = 0;
  for (std::int64_t place = 0; place < window.size * window.size; ++place) {
    for (std::int64_t channel = 0; channel < n_channels; ++channel) {
      sum += static_cast<double>(weights[place * n_channels + channel]) *
             seen(in, window, channel, x, y, place % window.size, place / window.size);
    }
  }
  return sum;
}

/// Compares one convolution with loops over everything.
bool convolves(const Tested &of, const Shape &shape, Numbers &numbers, Activation activation) {
  const ConvolutionKernels &tested = *of.kernels;
  const std::int64_t n_in = numbers.between(1, 70);
  const std::int64_t n_out = numbers.between(1, 40);
  const std::int64_t width = numbers.between(1, 45);
  const std::int64_t height = numbers.between(1, 12);
  // Both are some channels of larger maps.
  const OwnMap in_parts(n_in + 3, width, height, numbers);
  const OwnMap out_parts(n_out + 2, out_side(shape, width), out_side(shape, height), numbers);
  const FeatureMap in = in_parts.map.channels(1, n_in);
  const FeatureMap out = out_parts.map.channels(2, n_out);
  const std::vector<float> before(
      out_parts.map.data, out_parts.map.data + out_parts.map.n_panels() * out_parts.map.stride);
  const std::int64_t n_columns = shape.size * shape.size * n_in;
  const std::vector<float> rows = numbers.some(n_out * n_columns);
  const std::vector<float> bias = numbers.some(n_out);
  const std::vector<std::byte> weights = packed(tested, rows, n_out, shape.size * shape.size, n_in);
  const double tolerance =
      of.tolerance * (of.tolerance > 1e-3 ? std::sqrt(static_cast<double>(n_columns)) : 1.0);
  const bool has_residual = numbers.between(0, 1) == 1; // what is in the output
  kernels::Convolution task{};
  task.window = window_of(shape, in, out);
  task.n_channels = n_in;
  task.n_rows = n_out;
  task.weights = weights.data();
  task.bias = bias.data();
  task.activation = activation;
  task.in = in.data;
  task.in_stride = in.stride;
  task.residual = has_residual ? out.data : nullptr;
  task.residual_stride = out.stride;
  task.out = out.data;
  task.out_stride = out.stride;
  OwnScratch scratch(tested.scratch_bytes(task.window, n_in));
  const std::int64_t middle = out.n_panels() / 2;
  tested.convolve(task, 0, middle, scratch.data());
  tested.convolve(task, middle, out.n_panels() - middle, scratch.data());

  FeatureMap old = out;
  std::vector<float> old_values = before;
  old.data = old_values.data() + 2 * lanes;
  for (std::int64_t channel = 0; channel < n_out; ++channel) {
    for (std::int64_t pixel = 0; pixel < out.n_pixels(); ++pixel) {
      const double sum = static_cast<double>(bias[static_cast<std::size_t>(channel)]) +
                         product(in, task.window, pixel % out.width, pixel / out.width,
                                 rows.data() + channel * n_columns, n_in);
      const double expected = activated(sum, activation) +
                              (has_residual ? static_cast<double>(old.at(channel, pixel)) : 0.0);
      if (!is_near(static_cast<double>(out.at(channel, pixel)), expected, tolerance)) {
        return false;
      }
    }
  }
  // The channels before are another's.
  for (std::int64_t pixel = 0; pixel < out.n_pixels(); ++pixel) {
    if (out_parts.map.at(1, pixel) !=
        before[static_cast<std::size_t>(pixel / lanes * out_parts.map.stride + lanes +
                                        pixel % lanes)]) {
      return false;
    }
  }
  return true;
}

} // namespace

TEST_CASE("map kernels: convolutions are those of loops over everything") {
  for (const Tested &tested : all_tested()) {
    Numbers numbers(1);
    for (const Shape &shape : shapes) {
      for (const Activation activation :
           {Activation::none, Activation::relu, Activation::silu, Activation::gelu}) {
        for (int i = 0; i < 3; ++i) {
          if (!convolves(tested, shape, numbers, activation)) {
            check::report(__FILE__, __LINE__,
                          std::string(tested.kernels->name) + ": size " +
                              std::to_string(shape.size) + ", step " + std::to_string(shape.step));
          }
        }
      }
    }
  }
}

TEST_CASE("map kernels: deep products, many rows") {
  for (const auto &[tested, tolerance] : all_tested()) {
    Numbers numbers(2);
    const std::int64_t n_in = 1100; // several blocks of columns, and of rows
    const std::int64_t n_out = 530;
    const OwnMap in(n_in, 70, 3, numbers);
    const OwnMap out(n_out, 70, 3, numbers);
    const std::vector<float> rows = numbers.some(n_out * n_in);
    const std::vector<std::byte> weights = packed(*tested, rows, n_out, 1, n_in);
    kernels::Convolution task{};
    task.window = window_of({1, 1, 0}, in.map, out.map);
    task.n_channels = n_in;
    task.n_rows = n_out;
    task.weights = weights.data();
    task.in = in.map.data;
    task.in_stride = in.map.stride;
    task.out = out.map.data;
    task.out_stride = out.map.stride;
    OwnScratch scratch(tested->scratch_bytes(task.window, n_in));
    tested->convolve(task, 0, out.map.n_panels(), scratch.data());
    bool is_right = true;
    for (std::int64_t channel = 0; channel < n_out; channel += 23) {
      for (std::int64_t pixel = 0; pixel < out.map.n_pixels(); ++pixel) {
        double sum = 0;
        for (std::int64_t i = 0; i < n_in; ++i) {
          sum += static_cast<double>(rows[static_cast<std::size_t>(channel * n_in + i)]) *
                 static_cast<double>(in.map.at(i, pixel));
        }
        is_right = is_right && is_near(static_cast<double>(out.map.at(channel, pixel)), sum,
                                       tolerance * (tolerance > 1e-3 ? 33 : 1));
      }
    }
    CHECK(is_right);
  }
}

TEST_CASE("map kernels: depthwise convolutions and pooling") {
  for (const MapKernels *tested : all_map_kernels()) {
    Numbers numbers(3);
    for (const Shape &shape : shapes) {
      const std::int64_t n_channels = numbers.between(1, 20);
      const std::int64_t width = numbers.between(1, 45);
      const std::int64_t height = numbers.between(1, 12);
      const OwnMap in_parts(n_channels + 2, width, height, numbers);
      const FeatureMap in = in_parts.map.channels(2, n_channels);
      const OwnMap own_out(n_channels, out_side(shape, width), out_side(shape, height), numbers);
      const OwnMap own_pooled(n_channels, out_side(shape, width), out_side(shape, height), numbers);
      const FeatureMap &out = own_out.map;
      const std::int64_t n_places = shape.size * shape.size;
      const std::vector<float> weights = numbers.some(n_channels * n_places);
      const std::vector<float> bias = numbers.some(n_channels);
      const Window window = window_of(shape, in, out);
      tested->depthwise(
          {
              window,
              n_channels,
              weights.data(),
              bias.data(),
              Activation::relu,
              in.data,
              in.stride,
              out.data,
              out.stride,
          },
          0, out.n_panels());
      tested->max_pool(
          {window, n_channels, in.data, in.stride, own_pooled.map.data, own_pooled.map.stride}, 0,
          out.n_panels());
      bool is_right = true;
      for (std::int64_t channel = 0; channel < n_channels; ++channel) {
        for (std::int64_t pixel = 0; pixel < out.n_pixels(); ++pixel) {
          auto sum = static_cast<double>(bias[static_cast<std::size_t>(channel)]);
          double most = -1e9;
          for (std::int64_t place = 0; place < n_places; ++place) {
            const double value = seen(in, window, channel, pixel % out.width, pixel / out.width,
                                      place % shape.size, place / shape.size);
            sum += value * static_cast<double>(
                               weights[static_cast<std::size_t>(channel * n_places + place)]);
            most = std::max(most, value);
          }
          is_right = is_right &&
                     is_near(static_cast<double>(out.at(channel, pixel)), std::max(sum, 0.0)) &&
                     static_cast<double>(own_pooled.map.at(channel, pixel)) == most;
        }
      }
      CHECK(is_right);
    }
  }
}

TEST_CASE("map kernels: activations are those of float64") {
  for (const MapKernels *tested : all_map_kernels()) {
    for (const Activation activation : {
             Activation::none,
             Activation::relu,
             Activation::silu,
             Activation::gelu,
             Activation::sigmoid,
         }) {
      std::vector<float> values;
      for (int i = -3200; i < 3200; ++i) {
        values.push_back(static_cast<float>(i) * 0.005F);
      }
      values[0] = -1e30F;
      values.back() = 1e30F;
      std::vector<float> out = values;
      tested->activate(out.data(), static_cast<std::int64_t>(out.size()), activation);
      bool is_right = true;
      for (std::size_t i = 0; i < values.size(); ++i) {
        is_right = is_right && std::abs(static_cast<double>(out[i]) -
                                        activated(static_cast<double>(values[i]), activation)) <=
                                   5e-7 * std::max(1.0, std::abs(static_cast<double>(values[i])));
      }
      CHECK(is_right);
    }
  }
}

TEST_CASE("map kernels: softmax over the rows of a panel") {
  for (const MapKernels *tested : all_map_kernels()) {
    Numbers numbers(4);
    const std::int64_t n_rows = 77;
    std::vector<float> panel = numbers.some(n_rows * lanes);
    for (float &value : panel) {
      value *= 40.0F;
    }
    const std::vector<float> before = panel;
    tested->softmax(panel.data(), n_rows);
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      const auto at = [lane](const std::vector<float> &values, std::int64_t row) {
        return static_cast<double>(values[static_cast<std::size_t>(row * lanes + lane)]);
      };
      double total = 0;
      for (std::int64_t row = 0; row < n_rows; ++row) {
        total += std::exp(at(before, row));
      }
      bool is_right = true;
      for (std::int64_t row = 0; row < n_rows; ++row) {
        is_right = is_right && is_near(at(panel, row), std::exp(at(before, row)) / total, 1e-6);
      }
      CHECK(is_right);
    }
  }
}
