// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "files/gguf_file.h"
#include "kernels/map_kernels.h"
#include "layout/config.h"
#include "layout/page_pixels.h"
#include "layout/program.h"
#include "layout/regions.h"
#include "layout/results.h"
#include "layout/weights.h"
#include "layout/workers.h"
#include "support/aligned_memory.h"

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace ppocrvl::layout {

/// What was computed on the way, and how long each step took.
struct LayoutTrace {
  Stages stages;
  std::vector<std::pair<std::string, double>> step_seconds; // in the order of the steps
};

/// How convolutions and linear layers multiply, where the CPU can do it.
enum class LayoutPrecision {
  automatic, // the fastest way that keeps each stage within 1e-4 of float64
  f32,       // float32 alone
  bf16,      // those before the decoder with bfloat16, the others as automatic
};

/// A layout model in memory, with its threads and its buffers.
///
/// It takes the weights (of convolutions in bfloat16 half of float32), the buffers of the plan
/// (BufferPlan, at most 2 GiB), and for each thread the most scratch that one step needs: for a
/// convolution up to 1.1 MiB, and 768 KiB or what the windows of one panel see (128 bytes *
/// channels
/// * step^2 * panels of a row and the window's rows) if that is more. Pages share all of it, one
/// after another, and of a page of any size only the resized pixels are kept.
class LayoutModel {
public:
  /// `path` is UTF-8. `n_threads`: 0 takes the physical cores. Throws Error(model_format),
  /// Error(model_mismatch), Error(engine); std::bad_alloc.
  LayoutModel(const std::string &path, int n_threads,
              LayoutPrecision precision = LayoutPrecision::automatic);

  [[nodiscard]] const LayoutConfig &config() const { return config_; }
  [[nodiscard]] int n_threads() const { return workers_.count(); }
  /// Names of the kernels that convolve in the backbone, the encoder and the decoder.
  [[nodiscard]] std::array<std::string, 3> kernel_names() const;
  /// Buffers and scratch, without the weights.
  [[nodiscard]] std::size_t buffer_bytes() const;

  /// Reads a page. `trace` gets what was computed on the way, unless null. Asks `is_cancelled`,
  /// unless that is empty, between steps. From any thread, one page after another. Throws
  /// Error(image) for a page without pixels, Error(cancelled); std::bad_alloc.
  std::vector<Region> run(const PageImage &page, float threshold, LayoutTrace *trace,
                          const std::function<bool()> &is_cancelled);

  /// The same from the model's input, float32 [3][height][width].
  std::vector<Region> run_pixels(const std::vector<float> &pixels, float threshold,
                                 LayoutTrace *trace);

private:
  /// Adds all steps to a program.
  void build(Program &program, class BufferPlan &plan);
  void compute(LayoutTrace *trace, const std::function<bool()> &is_cancelled);

  GgufFile file_;
  LayoutConfig config_;
  std::array<const kernels::ConvolutionKernels *, 3> convolutions_{}; // as kernel_names
  Weights weights_;
  Results results_;
  Workers workers_;
  AlignedMemory memory_;
  AlignedMemory scratch_;
  std::size_t memory_bytes_ = 0;
  std::size_t scratch_bytes_ = 0; // of a thread
  FeatureMap pixels_;
  Program program_;
  std::mutex mutex_;
};

} // namespace ppocrvl::layout
