// SPDX-License-Identifier: Apache-2.0
#include "layout/builder.h"

#include "layout/enlarge.h"
#include "layout/layer_norm.h"

#include <algorithm>
#include <utility>

namespace ppocrvl::layout {
namespace {

using kernels::lanes;

// Panels of a step that does little with each.
constexpr std::int64_t many_panels = 16;

kernels::Window window_of(std::int64_t size, Stride stride, const FeatureMap &in,
                          const FeatureMap &out) {
  return {size, stride.step, stride.padding, in.width, in.height, out.width, out.height};
}

} // namespace

void Builder::add_single(const std::string &name, std::function<void()> compute) {
  program_.add({name, 1, 0, [compute = std::move(compute)](const Part &) { compute(); }});
}

void Builder::keep_map(const std::string &name, const FeatureMap &map) {
  add_single("keep", [name, map, &results = results_] {
    if (results.stages != nullptr) {
      results.stages->emplace_back(name, map_array(map));
    }
  });
}

void Builder::keep_tokens(const std::string &name, const FeatureMap &map) {
  add_single("keep", [name, map, count = n_pixels_, &results = results_] {
    if (results.stages != nullptr) {
      results.stages->emplace_back(name,
                                   token_array(count == nullptr ? map : map.first_pixels(*count)));
    }
  });
}

void Builder::add_panels(
    const std::string &name, std::int64_t n_panels, std::int64_t most, std::size_t scratch_bytes,
    std::function<void(std::int64_t first, std::int64_t count, std::byte *scratch)> compute) {
  // At least two for each thread, so that one that is held up does not hold up the others.
  const std::int64_t parts =
      std::max((n_panels + most - 1) / most, std::min(n_panels, std::int64_t{2} * n_threads_));
  program_.add({
      name,
      parts,
      scratch_bytes,
      [n_panels, n_pixels = n_pixels_, compute = std::move(compute)](const Part &part) {
        const std::int64_t n = n_pixels == nullptr ? n_panels : kernels::panels_of(*n_pixels);
        const std::int64_t first = part.begin(n);
        if (first < part.end(n)) {
          compute(first, part.end(n) - first, part.scratch);
        }
      },
  });
}

void Builder::convolve(const std::string &name, const FeatureMap &in, const FeatureMap &out,
                       std::int64_t size, Stride stride, Activation activation,
                       const FeatureMap *residual) {
  const ProductWeights &weights =
      weights_.product(name, in.n_channels, out.n_channels, size, *convolutions_);
  kernels::Convolution task{};
  task.window = window_of(size, stride, in, out);
  task.n_channels = in.n_channels;
  task.n_rows = out.n_channels;
  task.weights = weights.packed.get();
  task.bias = weights.bias.data();
  task.activation = activation;
  task.in = in.data;
  task.in_stride = in.stride;
  if (residual != nullptr) {
    task.residual = residual->data;
    task.residual_stride = residual->stride;
  }
  task.out = out.data;
  task.out_stride = out.stride;
  add_panels(name, out.n_panels(), convolutions_->panels(task.window, in.n_channels),
             convolutions_->scratch_bytes(task.window, in.n_channels),
             [task, &kernels = *convolutions_](std::int64_t first, std::int64_t count,
                                               std::byte *scratch) {
               kernels.convolve(task, first, count, scratch);
             });
}

void Builder::linear(const std::string &name, const FeatureMap &in, const FeatureMap &out,
                     Activation activation, const FeatureMap *residual) {
  convolve(name, in, out, 1, every_pixel, activation, residual);
}

void Builder::depthwise(const std::string &name, const FeatureMap &in, const FeatureMap &out,
                        std::int64_t size, Stride stride, Activation activation) {
  const DepthwiseWeights &weights = weights_.depthwise(name, in.n_channels, size);
  const kernels::Depthwise task{
      window_of(size, stride, in, out),
      in.n_channels,
      weights.places.data(),
      weights.bias.data(),
      activation,
      in.data,
      in.stride,
      out.data,
      out.stride,
  };
  add_panels(name, out.n_panels(), many_panels, 0,
             [task, &kernels = kernels_](std::int64_t first, std::int64_t count, std::byte *) {
               kernels.depthwise(task, first, count);
             });
}

void Builder::max_pool(const FeatureMap &in, const FeatureMap &out) {
  const kernels::MaxPool task{
      window_of(2, every_pixel, in, out), in.n_channels, in.data, in.stride, out.data, out.stride,
  };
  add_panels("max_pool", out.n_panels(), many_panels, 0,
             [task, &kernels = kernels_](std::int64_t first, std::int64_t count, std::byte *) {
               kernels.max_pool(task, first, count);
             });
}

void Builder::norm(const std::string &name, const FeatureMap &in, const FeatureMap &out,
                   float epsilon) {
  const NormWeights &weights = weights_.norm(name, in.n_channels);
  add_panels(name, in.n_panels(), many_panels, 0,
             [in, out, &weights, epsilon](std::int64_t first, std::int64_t count, std::byte *) {
               layer_norm(in, out, weights.weight.data(), weights.bias.data(), epsilon, first,
                          count);
             });
}

void Builder::add_maps(const FeatureMap &a, const FeatureMap &b, const FeatureMap &out) {
  add_panels("add", out.n_panels(), many_panels, 0,
             [a, b, out](std::int64_t first, std::int64_t count, std::byte *) {
               for (std::int64_t panel = first; panel < first + count; ++panel) {
                 const float *one = a.panel(panel);
                 const float *other = b.panel(panel);
                 float *sum = out.panel(panel);
                 for (std::int64_t i = 0; i < out.n_channels * lanes; ++i) {
                   sum[i] = one[i] + other[i];
                 }
               }
             });
}

void Builder::enlarge_nearest(const FeatureMap &in, const FeatureMap &out) {
  add_panels("enlarge_nearest", out.n_panels(), many_panels, 0,
             [in, out](std::int64_t first, std::int64_t count, std::byte *) {
               layout::enlarge_nearest(in, out, first, count);
             });
}

void Builder::enlarge_bilinear(const FeatureMap &in, const FeatureMap &out, bool sum) {
  add_panels("enlarge_bilinear", out.n_panels(), many_panels, 0,
             [in, out, sum](std::int64_t first, std::int64_t count, std::byte *) {
               layout::enlarge_bilinear(in, out, sum, first, count);
             });
}

} // namespace ppocrvl::layout
