// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "files/gguf_file.h"
#include "layout/config.h"
#include "layout/page_pixels.h"
#include "layout/program.h"
#include "layout/regions.h"
#include "layout/results.h"
#include "layout/weights.h"
#include "layout/workers.h"

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

/// A layout model in memory, with its threads and its buffers.
///
/// It takes the weights in float32, the buffers of the plan (BufferPlan, at most 2 GiB), and for
/// each thread the most scratch that one step needs: for a convolution 256 KiB, and 768 KiB or one
/// panel of all that its window sees (128 bytes * size^2 * channels) if that is more. Pages share
/// all of it, one after another, and of a page of any size only the resized pixels are kept.
class LayoutModel {
public:
  /// `path` is UTF-8. `n_threads`: 0 takes the physical cores. Throws Error(model_format),
  /// Error(model_mismatch), Error(engine); std::bad_alloc.
  LayoutModel(const std::string &path, int n_threads);

  [[nodiscard]] const LayoutConfig &config() const { return config_; }
  [[nodiscard]] int n_threads() const { return workers_.count(); }
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
  struct Free {
    void operator()(std::byte *memory) const;
  };
  using Memory = std::unique_ptr<std::byte, Free>;

  static Memory allocate(std::size_t bytes);
  /// Adds all steps to a program.
  void build(Program &program, class BufferPlan &plan);
  void compute(LayoutTrace *trace, const std::function<bool()> &is_cancelled);

  GgufFile file_;
  LayoutConfig config_;
  Weights weights_;
  Results results_;
  Workers workers_;
  Memory memory_;
  Memory scratch_;
  std::size_t memory_bytes_ = 0;
  std::size_t scratch_bytes_ = 0; // of a thread
  FeatureMap pixels_;
  Program program_;
  std::mutex mutex_;
};

} // namespace ppocrvl::layout
