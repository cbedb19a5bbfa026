// SPDX-License-Identifier: Apache-2.0
#include "layout/layout_model.h"

#include "kernels/map_kernels.h"
#include "layout/backbone.h"
#include "layout/buffer_plan.h"
#include "layout/decoder.h"
#include "layout/halved_page.h"
#include "layout/hybrid_encoder.h"
#include "support/cpu_count.h"
#include "support/error.h"
#include "support/stopwatch.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>

namespace ppocrvl::layout {
namespace {

// Ten times what the official models need. Places in maps are 32-bit numbers.
constexpr std::size_t most_memory = std::size_t{2} << 30;

/// Of the backbone, of the encoder and of the decoder. In the backbone, errors of one layer grow
/// over some forty others: splitting it would leave the bound of `automatic`.
std::array<kernels::Precision, 3> precisions_of(LayoutPrecision precision) {
  using kernels::Precision;
  switch (precision) {
  case LayoutPrecision::automatic:
    return {Precision::f32, Precision::split, Precision::split};
  case LayoutPrecision::f32:
    break;
  case LayoutPrecision::bf16:
    return {Precision::bf16, Precision::bf16, Precision::split};
  }
  return {Precision::f32, Precision::f32, Precision::f32};
}

} // namespace

LayoutModel::LayoutModel(const std::string &path, int n_threads, LayoutPrecision precision)
    : file_(read_gguf(path)), config_(read_config(file_)),
      n_threads_(n_threads > 0 ? std::min(n_threads, usable_processors())
                               : usable_physical_cores()),
      workers_(std::make_unique<Workers>(n_threads_)), weights_(std::make_unique<Weights>(file_)) {
  const auto precisions = precisions_of(precision);
  std::transform(precisions.begin(), precisions.end(), convolutions_.begin(),
                 [](kernels::Precision of) { return &kernels::convolution_kernels(of); });
  {
    Program measured;
    BufferPlan plan(nullptr);
    build(measured, plan, *weights_);
    memory_bytes_ = plan.bytes();
    scratch_bytes_ = measured.scratch_bytes();
    if (memory_bytes_ > most_memory) {
      throw Error(ErrorKind::model_format,
                  path + ": its sizes would take " + std::to_string(memory_bytes_ >> 20U) +
                      " MiB of buffers, more than any layout model's; export it again");
    }
  }
  memory_ = allocate_aligned(memory_bytes_);
  scratch_ = allocate_aligned(scratch_bytes_ * static_cast<std::size_t>(n_threads_));
  BufferPlan plan(memory_.get());
  build(program_, plan, *weights_);
}

LayoutModel::~LayoutModel() {
  if (current_process() != process_ && workers_ != nullptr) {
    const Workers *parents = workers_.release(); // nobody can join the parent's threads
    static_cast<void>(parents);
  }
}

void LayoutModel::close() {
  if (current_process() != process_) {
    return;
  }
  closing_ = true;
  const std::scoped_lock lock(mutex_);
  program_ = {};
  workers_.reset();
  weights_.reset();
  memory_.reset();
  scratch_.reset();
}

std::size_t LayoutModel::buffer_bytes() const {
  return memory_bytes_ + scratch_bytes_ * static_cast<std::size_t>(n_threads_);
}

std::array<std::string, 3> LayoutModel::kernel_names() const {
  std::array<std::string, 3> names;
  std::transform(convolutions_.begin(), convolutions_.end(), names.begin(),
                 [](const kernels::ConvolutionKernels *kernels) { return kernels->name; });
  return names;
}

void LayoutModel::build(Program &program, BufferPlan &plan, Weights &weights) {
  Builder builder(program, plan, weights, kernels::map_kernels(), results_, n_threads_);
  const MapBuffer pixels = builder.map(3, config_.width, config_.height);
  pixels_ = pixels;
  std::unique_ptr<MapBuffer> prototypes;
  std::vector<MapBuffer> levels;
  std::array<FeatureMap, LayoutConfig::n_levels> level_maps;
  if (config_.has_masks) {
    prototypes = std::make_unique<MapBuffer>(
        builder.map(config_.n_prototypes, config_.width / 4, config_.height / 4));
    prototypes_ = *prototypes;
  }
  for (std::size_t level = 0; level < level_maps.size(); ++level) {
    const auto index = static_cast<std::int64_t>(level);
    levels.push_back(builder.map(config_.encoder_length, config_.level_width(index),
                                 config_.level_height(index)));
    level_maps[level] = levels.back();
  }
  {
    std::vector<MapBuffer> stages;
    std::array<FeatureMap, LayoutConfig::n_stages> stage_maps;
    for (std::size_t stage = 0; stage < stage_maps.size(); ++stage) {
      stages.push_back(builder.map(config_.out_lengths[stage], config_.width / (4LL << stage),
                                   config_.height / (4LL << stage)));
      stage_maps[stage] = stages.back();
    }
    builder.use(*convolutions_[0]);
    build_backbone(builder, config_, pixels, stage_maps);
    for (std::size_t stage = 0; stage < stage_maps.size(); ++stage) {
      builder.keep_map("backbone." + std::to_string(stage), stage_maps[stage]);
    }
    builder.use(*convolutions_[1]);
    build_hybrid_encoder(builder, config_, stage_maps, level_maps);
    for (std::size_t level = 0; level < level_maps.size(); ++level) {
      builder.keep_map("encoder." + std::to_string(level), level_maps[level]);
    }
    if (prototypes) {
      build_prototypes(builder, config_, stage_maps[0], level_maps, *prototypes);
      builder.keep_map("prototypes", *prototypes);
    }
  }
  builder.use(*convolutions_[2]);
  build_decoder(builder, config_, level_maps, prototypes ? &prototypes->map() : nullptr);
}

void LayoutModel::require_open() const {
  if (current_process() != process_) {
    throw Error(ErrorKind::engine, "the layout model was loaded before this process was forked; "
                                   "load it in the child, or use multiprocessing's spawn");
  }
  if (closing_) {
    throw Error(ErrorKind::cancelled, "the layout model is closed");
  }
}

void LayoutModel::compute(LayoutTrace *trace, const std::function<bool()> &goes_on) {
  results_.stages = trace == nullptr ? nullptr : &trace->stages;
  if (trace != nullptr) {
    trace->stages.emplace_back("pixels", map_array(pixels_));
  }
  for (const Step &step : program_.steps()) {
    require_open();
    if (goes_on && !goes_on()) {
      throw Error(ErrorKind::cancelled, "the page's layout was cancelled");
    }
    const Stopwatch watch;
    workers_->run(step.n_parts, [&](std::int64_t part, int thread) {
      step.compute(
          {part, step.n_parts, scratch_.get() + static_cast<std::size_t>(thread) * scratch_bytes_});
    });
    if (trace != nullptr) {
      trace->step_seconds.emplace_back(step.name, watch.seconds());
    }
  }
  if (trace != nullptr) {
    keep_results(*trace);
  }
}

void LayoutModel::keep_results(LayoutTrace &trace) const {
  const auto n_queries = static_cast<std::size_t>(config_.n_queries);
  std::vector<float> selected(results_.selected.begin(), results_.selected.end());
  trace.stages.emplace_back("selected", Array{{n_queries}, std::move(selected)});
  trace.stages.emplace_back("logits", Array{{n_queries, config_.labels.size()}, results_.logits});
  trace.stages.emplace_back("boxes", Array{{n_queries, 4}, results_.boxes});
  trace.stages.emplace_back("order_logits", Array{{n_queries, n_queries}, results_.order_logits});
}

void LayoutModel::resize(const PageImage &page) {
  const std::int64_t n_parts = 4LL * n_threads_;
  const std::size_t row_length = PagePixels::scratch_bytes(pixels_) / sizeof(float);
  std::vector<float> rows(row_length * static_cast<std::size_t>(n_threads_));
  const PagePixels resize(page, pixels_, config_.mean, config_.std);
  workers_->run(n_parts, [&](std::int64_t part, int thread) {
    resize.resize_rows(config_.height * part / n_parts, config_.height * (part + 1) / n_parts,
                       rows.data() + static_cast<std::size_t>(thread) * row_length);
  });
}

PageRegions LayoutModel::regions(const LayoutOptions &options, std::int64_t width,
                                 std::int64_t height) {
  PageRegions found;
  found.regions = find_regions(results_, config_.n_labels(), options.threshold, width, height,
                               config_.only_found_vote);
  if (!config_.has_masks) {
    return found;
  }
  found.masks.reserve(found.regions.size());
  for (const Region &region : found.regions) {
    found.masks.push_back(empty_mask(region, prototypes_, width, height));
  }
  workers_->run(static_cast<std::int64_t>(found.masks.size()), [&](std::int64_t part, int) {
    const auto i = static_cast<std::size_t>(part);
    fill_mask(found.masks[i],
              results_.mask_queries.data() + found.regions[i].query * config_.n_prototypes,
              prototypes_, options.mask_threshold);
  });
  return found;
}

PageRegions LayoutModel::run(const PageImage &page, const LayoutOptions &options,
                             const std::function<bool()> &goes_on) {
  if (page.width < 1 || page.height < 1) {
    throw Error(ErrorKind::image, "the page has no pixels; give one with both sides at least 1");
  }
  require_open();
  const std::scoped_lock lock(mutex_);
  require_open();
  if (config_.halves_pages) {
    resize(HalvedPage(page, config_.width, config_.height, *workers_).page());
  } else {
    resize(page);
  }
  compute(options.trace, goes_on);
  return regions(options, page.width, page.height);
}

PageRegions LayoutModel::run_pixels(const std::vector<float> &pixels, const LayoutOptions &options,
                                    const std::function<bool()> &goes_on) {
  if (pixels.size() != static_cast<std::size_t>(3 * config_.width * config_.height)) {
    throw Error(ErrorKind::image, "the input is no float32 [3, " + std::to_string(config_.height) +
                                      ", " + std::to_string(config_.width) + "]");
  }
  require_open();
  const std::scoped_lock lock(mutex_);
  require_open();
  for (std::int64_t channel = 0; channel < 3; ++channel) {
    for (std::int64_t pixel = 0; pixel < pixels_.n_pixels(); ++pixel) {
      pixels_.at(channel, pixel) =
          pixels[static_cast<std::size_t>(channel * pixels_.n_pixels() + pixel)];
    }
  }
  compute(options.trace, goes_on);
  return regions(options, config_.width, config_.height);
}

} // namespace ppocrvl::layout
