// SPDX-License-Identifier: Apache-2.0
//
// What the layout model's convolutions consist of, in float32. A feature map is a row of float
// panels (kernels.h): 32 pixels side by side, in the order of rows of the image, one row a channel.
// A map may be some channels of a larger one, so that parts that are computed one by one need not
// be put together: its panels are `stride` numbers apart.
//
// Some rows before and behind a map's may be read, and what stands there is not used: whoever
// makes maps leaves `map_margin` numbers free at both ends of the memory.
#pragma once

#include "kernels/kernels.h"

namespace ppocrvl::kernels {

enum class Activation { none, relu, silu, gelu, sigmoid };

/// Rows of float32 weights that are multiplied at once.
constexpr std::int64_t map_group = 8;

constexpr std::int64_t map_margin = lanes;

/// A k x k window (7 at most, at least its step) that moves over a map: where it begins for the
/// output's pixel (x, y) is (x * step - padding, y * step - padding). Pixels outside of the map are
/// zeros. The map is at most `step` times as wide as the output.
struct Window {
  std::int64_t size;
  std::int64_t step;
  std::int64_t padding;
  std::int64_t in_width;
  std::int64_t in_height;
  std::int64_t out_width;
  std::int64_t out_height;
};

/// out = activation(weights * window(in) + bias) + residual.
struct Convolution {
  Window window;
  std::int64_t n_channels; // of the input
  std::int64_t n_rows;     // channels of the output
  const void *weights;     // `pack`
  const float *bias;       // or null
  Activation activation;
  const float *in;
  std::int64_t in_stride;
  const float *residual; // or null
  std::int64_t residual_stride;
  float *out;
  std::int64_t out_stride;
};

/// Each channel by itself.
struct Depthwise {
  Window window;
  std::int64_t n_channels;
  const float *weights; // [n_channels][size * size]
  const float *bias;
  Activation activation;
  const float *in;
  std::int64_t in_stride;
  float *out;
  std::int64_t out_stride;
};

/// The largest of each channel in a window; pixels outside of the map count as zeros.
struct MaxPool {
  Window window;
  std::int64_t n_channels;
  const float *in;
  std::int64_t in_stride;
  float *out;
  std::int64_t out_stride;
};

/// Convolutions with numbers of one kind. Maps are float32 in any case.
struct ConvolutionKernels {
  const char *name;
  std::size_t (*weight_bytes)(std::int64_t n_rows, std::int64_t n_places, std::int64_t n_channels);
  /// Row-major weights [n_rows][n_places of the window][n_channels of the input] to what `convolve`
  /// reads, aligned to 64.
  void (*pack)(const float *rows, std::int64_t n_rows, std::int64_t n_places,
               std::int64_t n_channels, void *packed);
  /// Of scratch that `convolve` needs, aligned to 64.
  std::size_t (*scratch_bytes)(const Window &, std::int64_t n_channels);
  /// How many panels one thread should convolve in a call: more read the weights less often.
  std::int64_t (*panels)(const Window &, std::int64_t n_channels);
  void (*convolve)(const Convolution &, std::int64_t first_panel, std::int64_t n_panels,
                   void *scratch);
};

/// Each works on some panels of the output, so that threads can share them.
struct MapKernels {
  const char *name;
  /// In float32. Rows of weights that are multiplied with a panel (a window of one pixel) may be
  /// packed by their user: [n_rows / 8][n_channels][8], zeros behind the last row.
  ConvolutionKernels convolutions;
  void (*depthwise)(const Depthwise &, std::int64_t first_panel, std::int64_t n_panels);
  void (*max_pool)(const MaxPool &, std::int64_t first_panel, std::int64_t n_panels);
  /// Of the rows of a panel, each lane by itself, in place.
  void (*softmax)(float *panel, std::int64_t n_rows);
  /// In place. `count` is a multiple of 32.
  void (*activate)(float *values, std::int64_t count, Activation);
};

/// Numbers of such rows.
[[gnu::always_inline]] constexpr std::int64_t packed_weights(std::int64_t n_rows,
                                                             std::int64_t n_channels) {
  return padded(n_rows, map_group) * n_channels;
}

/// The fastest that this CPU can run.
const MapKernels &map_kernels();

/// All that this CPU can run.
std::vector<const MapKernels *> all_map_kernels();

/// How exactly convolutions multiply.
enum class Precision {
  f32,   // float32
  split, // each number as the sum of two of bfloat16, without the product of the two small ones
  bf16,  // bfloat16; sums are float32
};

/// The fastest that this CPU can run, at least so exact; faster than float32 or the same.
const ConvolutionKernels &convolution_kernels(Precision precision);

/// All that multiply so and that this CPU can run.
std::vector<const ConvolutionKernels *> all_convolution_kernels(Precision precision);

} // namespace ppocrvl::kernels
