// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "files/gguf_file.h"
#include "kernels/map_kernels.h"
#include "layout/config.h"
#include "layout/page_pixels.h"
#include "layout/program.h"
#include "layout/region_masks.h"
#include "layout/regions.h"
#include "layout/results.h"
#include "layout/weights.h"
#include "layout/workers.h"
#include "support/aligned_memory.h"
#include "support/process.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
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

struct LayoutOptions {
  float threshold = 0;      // regions of a lower score are left out
  float mask_threshold = 0; // a pixel is in a region's mask above this
  LayoutTrace *trace = nullptr;
};

/// Regions before any filter, in reading order.
struct PageRegions {
  std::vector<Region> regions;
  std::vector<RegionMask> masks; // one for each region, or none of a model without masks
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
  /// `path` is UTF-8. `n_threads`: 0 takes the physical cores; at most the usable CPUs. Throws
  /// Error(model_format), Error(model_mismatch), Error(engine); std::bad_alloc.
  LayoutModel(const std::string &path, int n_threads,
              LayoutPrecision precision = LayoutPrecision::automatic);
  ~LayoutModel();
  LayoutModel(const LayoutModel &) = delete;
  LayoutModel &operator=(const LayoutModel &) = delete;

  [[nodiscard]] const LayoutConfig &config() const { return config_; }
  [[nodiscard]] int n_threads() const { return n_threads_; }
  /// Names of the kernels that convolve in the backbone, the encoder and the decoder.
  [[nodiscard]] std::array<std::string, 3> kernel_names() const;
  /// Buffers and scratch, without the weights.
  [[nodiscard]] std::size_t buffer_bytes() const;

  /// Reads a page. Asks `goes_on` between steps, unless it is empty. From any thread, one page
  /// after another. Throws Error(image) for a page without pixels, Error(cancelled) if it was told
  /// to stop or the model is closed, Error(engine) in a child of the process that loaded it;
  /// std::bad_alloc. Whatever it throws, the next page can be read.
  PageRegions run(const PageImage &page, const LayoutOptions &options,
                  const std::function<bool()> &goes_on);

  /// The same from the model's input, float32 [3][height][width].
  PageRegions run_pixels(const std::vector<float> &pixels, const LayoutOptions &options,
                         const std::function<bool()> &goes_on);

  /// Ends the page that is being read after its step, and frees all that takes memory. Idempotent.
  void close();

private:
  /// Adds all steps to a program.
  void build(Program &program, class BufferPlan &plan, Weights &weights);
  void require_open() const;
  void resize(const PageImage &page);
  void compute(LayoutTrace *trace, const std::function<bool()> &goes_on);
  void keep_results(LayoutTrace &trace) const;
  PageRegions regions(const LayoutOptions &options, std::int64_t width, std::int64_t height);

  int process_ = current_process();
  GgufFile file_;
  LayoutConfig config_;
  int n_threads_;
  std::array<const kernels::ConvolutionKernels *, 3> convolutions_{}; // as kernel_names
  Results results_;
  std::atomic<bool> closing_{false};
  std::mutex mutex_;                 // one page at a time, and of what follows
  std::unique_ptr<Workers> workers_; // null: closed
  std::unique_ptr<Weights> weights_;
  AlignedMemory memory_;
  AlignedMemory scratch_;
  std::size_t memory_bytes_ = 0;
  std::size_t scratch_bytes_ = 0; // of a thread
  FeatureMap pixels_;
  FeatureMap prototypes_; // of a model with masks
  Program program_;
};

} // namespace ppocrvl::layout
