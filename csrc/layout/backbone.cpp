// SPDX-License-Identifier: Apache-2.0
#include "layout/backbone.h"

#include <memory>
#include <string>
#include <utility>

namespace ppocrvl::layout {
namespace {

/// Channels of a block's concatenated input and layers.
std::int64_t concat_length(const LayoutConfig &config, std::size_t stage, std::int64_t n_in) {
  return n_in + config.layer_counts[stage] * config.mid_lengths[stage];
}

void build_stem(Builder &build, const LayoutConfig &config, const FeatureMap &pixels,
                const FeatureMap &out) {
  const std::int64_t length = config.stem_lengths[1];
  const std::int64_t width = pixels.width / 2;
  const std::int64_t height = pixels.height / 2;
  const MapBuffer both = build.map(2 * length, width, height);
  const FeatureMap pooled = both.map().channels(0, length);
  const FeatureMap convolved = both.map().channels(length, length);
  {
    const MapBuffer first = build.map(length, width, height);
    build.convolve("backbone.stem1", pixels, first, 3, {2, 1}, Activation::relu);
    const MapBuffer half = build.map(length / 2, width, height);
    build.convolve("backbone.stem2a", first, half, 2, every_pixel, Activation::relu);
    build.convolve("backbone.stem2b", half, convolved, 2, every_pixel, Activation::relu);
    build.max_pool(first, pooled);
  }
  const MapBuffer third = build.map(length, width / 2, height / 2);
  build.convolve("backbone.stem3", both, third, 3, {2, 1}, Activation::relu);
  build.linear("backbone.stem4", third, out, Activation::relu);
}

/// From the first channels of `parts`, which has room for all layers behind them, to `out`.
void build_block(Builder &build, const LayoutConfig &config, std::size_t stage, std::int64_t block,
                 std::int64_t n_in, const FeatureMap &parts, const FeatureMap &out) {
  const std::string name = "backbone." + std::to_string(stage) + "." + std::to_string(block) + ".";
  const std::int64_t mid = config.mid_lengths[stage];
  const std::int64_t size = config.kernel_sizes[stage];
  const FeatureMap in = parts.channels(0, n_in);
  FeatureMap last = in;
  for (std::int64_t layer = 0; layer < config.layer_counts[stage]; ++layer) {
    const std::string of_layer = name + std::to_string(layer) + ".";
    const FeatureMap next = parts.channels(n_in + layer * mid, mid);
    if (config.light[stage] != 0) {
      const MapBuffer point = build.map(mid, in.width, in.height);
      build.linear(of_layer + "point", last, point);
      build.depthwise(of_layer + "depth", point, next, size, {1, (size - 1) / 2}, Activation::relu);
    } else {
      build.convolve(of_layer + "conv", last, next, size, {1, (size - 1) / 2}, Activation::relu);
    }
    last = next;
  }
  const MapBuffer squeezed = build.map(out.n_channels / 2, in.width, in.height);
  build.linear(name + "squeeze", parts, squeezed, Activation::relu);
  build.linear(name + "excite", squeezed, out, Activation::relu, block > 0 ? &in : nullptr);
}

} // namespace

void build_backbone(Builder &build, const LayoutConfig &config, const FeatureMap &pixels,
                    const std::array<FeatureMap, LayoutConfig::n_stages> &stages) {
  std::int64_t n_in = config.stem_lengths[2];
  for (std::size_t stage = 0; stage < stages.size(); ++stage) {
    const FeatureMap &out = stages[stage];
    // A block's input lies where its layers' outputs follow, so that nothing is copied.
    auto parts = std::make_unique<MapBuffer>(
        build.map(concat_length(config, stage, n_in), out.width, out.height));
    if (stage == 0) {
      build_stem(build, config, pixels, parts->map().channels(0, n_in));
    } else {
      build.depthwise("backbone." + std::to_string(stage) + ".down", stages[stage - 1],
                      parts->map().channels(0, n_in), 3, {2, 1}, Activation::none);
    }
    for (std::int64_t block = 0; block < config.block_counts[stage]; ++block) {
      if (block + 1 == config.block_counts[stage]) {
        build_block(build, config, stage, block, n_in, *parts, out);
        break;
      }
      auto next = std::make_unique<MapBuffer>(
          build.map(concat_length(config, stage, out.n_channels), out.width, out.height));
      build_block(build, config, stage, block, n_in, *parts,
                  next->map().channels(0, out.n_channels));
      n_in = out.n_channels;
      parts = std::move(next);
    }
    n_in = out.n_channels;
  }
}

} // namespace ppocrvl::layout
