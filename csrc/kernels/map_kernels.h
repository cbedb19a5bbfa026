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

/// Rows of packed weights that are multiplied at once.
constexpr std::int64_t map_group = 8;

constexpr std::int64_t map_margin = lanes;

/// A k x k window that moves over a map: where it begins for the output's pixel (x, y) is
/// (x * step - padding, y * step - padding). Pixels outside of the map are zeros.
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
  const float *weights;    // `pack_weights`; columns are [window row][window column][channel]
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

/// Each works on some panels of the output, so that threads can share them.
struct MapKernels {
  const char *name;
  void (*convolve)(const Convolution &, std::int64_t first_panel, std::int64_t n_panels,
                   void *scratch);
  void (*depthwise)(const Depthwise &, std::int64_t first_panel, std::int64_t n_panels);
  void (*max_pool)(const MaxPool &, std::int64_t first_panel, std::int64_t n_panels);
  /// Of the rows of a panel, each lane by itself, in place.
  void (*softmax)(float *panel, std::int64_t n_rows);
  /// In place. `count` is a multiple of 32.
  void (*activate)(float *values, std::int64_t count, Activation);
};

/// Numbers that `pack_weights` writes.
[[gnu::always_inline]] constexpr std::int64_t packed_weights(std::int64_t n_rows,
                                                             std::int64_t n_columns) {
  return padded(n_rows, map_group) * n_columns;
}

/// Row-major weights [n_rows][n_columns] to [n_rows / 8][n_columns][8], zeros behind the last row.
void pack_weights(const float *rows, std::int64_t n_rows, std::int64_t n_columns, float *packed);

/// Whether a convolution's input is read where it is; else the panels of what the window sees are
/// put together first.
[[gnu::always_inline]] constexpr bool is_direct(const Window &window) {
  return window.size == 1 && window.step == 1 && window.padding == 0;
}

/// Bytes of scratch that `convolve` needs, aligned to 64.
std::size_t convolution_scratch(const Window &window, std::int64_t n_channels);

/// How many panels one thread should convolve in a call: more read the weights less often.
std::int64_t convolution_panels(const Window &window, std::int64_t n_channels);

/// The fastest that this CPU can run.
const MapKernels &map_kernels();

/// All that this CPU can run.
std::vector<const MapKernels *> all_map_kernels();

} // namespace ppocrvl::kernels
