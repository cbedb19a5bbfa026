// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/map_kernels.h"
#include "layout/buffer_plan.h"
#include "layout/feature_map.h"
#include "layout/program.h"
#include "layout/results.h"
#include "layout/weights.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace ppocrvl::layout {

using kernels::Activation;

/// How a convolution's window moves. `padding` is that of the left and the upper side; how many
/// zeros follow at the others is for the output's size to say.
struct Stride {
  std::int64_t step = 1;
  std::int64_t padding = 0;
};

constexpr Stride every_pixel{1, 0};

/// Adds steps to a program. Maps are the caller's; an output may be some channels of a larger map,
/// and what is added may be the output itself. Names are those of the weights in the file.
class Builder {
public:
  Builder(Program &program, BufferPlan &plan, Weights &weights, const kernels::MapKernels &kernels,
          Results &results, int n_threads)
      : program_(program), plan_(plan), weights_(weights), kernels_(kernels),
        convolutions_(&kernels.convolutions), results_(results), n_threads_(n_threads) {}

  /// From here on convolutions and linear layers are computed so; at first in float32.
  void use(const kernels::ConvolutionKernels &convolutions) { convolutions_ = &convolutions; }

  [[nodiscard]] MapBuffer map(std::int64_t n_channels, std::int64_t width, std::int64_t height) {
    return {plan_, n_channels, width, height};
  }
  [[nodiscard]] Buffer buffer(std::int64_t count) { return {plan_, count}; }
  [[nodiscard]] Weights &weights() { return weights_; }
  [[nodiscard]] const kernels::MapKernels &kernels() const { return kernels_; }
  [[nodiscard]] Results &results() const { return results_; }
  [[nodiscard]] int n_threads() const { return n_threads_; }

  /// Adds to the same program steps that compute only the first pixels of their maps, as many as
  /// the number holds when a step runs.
  [[nodiscard]] Builder with_pixels(std::shared_ptr<const std::int64_t> count) const {
    Builder build(*this);
    build.n_pixels_ = std::move(count);
    return build;
  }

  void add(Step step) { program_.add(std::move(step)); }

  /// A step of one part.
  void add_single(const std::string &name, std::function<void()> compute);

  /// A step whose parts are some panels each, at most `most`.
  void add_panels(
      const std::string &name, std::int64_t n_panels, std::int64_t most, std::size_t scratch_bytes,
      std::function<void(std::int64_t first, std::int64_t count, std::byte *scratch)> compute);

  /// out = activation(convolution(in)) + residual, if that is not null.
  void convolve(const std::string &name, const FeatureMap &in, const FeatureMap &out,
                std::int64_t size, Stride stride, Activation activation,
                const FeatureMap *residual = nullptr);
  /// The same for windows of one pixel.
  void linear(const std::string &name, const FeatureMap &in, const FeatureMap &out,
              Activation activation = Activation::none, const FeatureMap *residual = nullptr);
  void depthwise(const std::string &name, const FeatureMap &in, const FeatureMap &out,
                 std::int64_t size, Stride stride, Activation activation);
  /// Windows of two pixels to the right and below, with zeros outside.
  void max_pool(const FeatureMap &in, const FeatureMap &out);
  void norm(const std::string &name, const FeatureMap &in, const FeatureMap &out, float epsilon);
  void add_maps(const FeatureMap &a, const FeatureMap &b, const FeatureMap &out);
  /// Twice as wide and high: each pixel four times.
  void enlarge_nearest(const FeatureMap &in, const FeatureMap &out);
  /// Twice as wide and high: bilinear, as align_corners=False. `sum` adds to what is in `out`.
  void enlarge_bilinear(const FeatureMap &in, const FeatureMap &out, bool sum = false);

  /// Keeps what is in a map as a stage, if any are kept.
  void keep_map(const std::string &name, const FeatureMap &map);
  void keep_tokens(const std::string &name, const FeatureMap &map);

private:
  Program &program_;
  BufferPlan &plan_;
  Weights &weights_;
  const kernels::MapKernels &kernels_;
  const kernels::ConvolutionKernels *convolutions_;
  Results &results_;
  int n_threads_;
  std::shared_ptr<const std::int64_t> n_pixels_; // null: all
};

} // namespace ppocrvl::layout
