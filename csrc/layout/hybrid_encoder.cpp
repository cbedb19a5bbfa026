// SPDX-License-Identifier: Apache-2.0
#include "layout/hybrid_encoder.h"

#include "layout/attention.h"

#include <string>

namespace ppocrvl::layout {
namespace {

FeatureMap as_tokens(const FeatureMap &map) {
  FeatureMap tokens = map;
  tokens.width = map.n_pixels();
  tokens.height = 1;
  return tokens;
}

/// In place.
void build_aifi(Builder &build, const LayoutConfig &config, const FeatureMap &map) {
  const FeatureMap x = as_tokens(map);
  const std::int64_t length = config.encoder_length;
  const std::int64_t n_tokens = x.n_pixels();
  const FeatureMap positions = build.weights().tokens("enc.pos_embd", length, n_tokens);
  for (std::int64_t block = 0; block < config.encoder_blocks; ++block) {
    const std::string name = "enc.aifi." + std::to_string(block) + ".";
    {
      const MapBuffer attended = build.map(length, n_tokens, 1);
      {
        const MapBuffer placed = build.map(length, n_tokens, 1);
        build.add_maps(x, positions, placed);
        const MapBuffer queries = build.map(length, n_tokens, 1);
        const MapBuffer keys = build.map(length, n_tokens, 1);
        const MapBuffer values = build.map(length, n_tokens, 1);
        build.linear(name + "attn_q", placed, queries);
        build.linear(name + "attn_k", placed, keys);
        build.linear(name + "attn_v", x, values);
        build_attention(build, queries, keys, values, attended, config.encoder_heads);
      }
      build.linear(name + "attn_out", attended, x, Activation::none, &x);
    }
    build.norm(name + "attn_norm", x, x, config.layer_norm_epsilon);
    {
      const MapBuffer inner = build.map(config.encoder_feed_forward, n_tokens, 1);
      build.linear(name + "ffn_up", x, inner, Activation::gelu);
      build.linear(name + "ffn_down", inner, x, Activation::none, &x);
    }
    build.norm(name + "ffn_norm", x, x, config.layer_norm_epsilon);
  }
}

void build_csp(Builder &build, const LayoutConfig &config, const std::string &name,
               const FeatureMap &in, const FeatureMap &out) {
  const std::int64_t length = config.csp_length;
  const bool has_last = length != config.encoder_length;
  const MapBuffer first = build.map(length, in.width, in.height);
  const MapBuffer second = build.map(length, in.width, in.height);
  const MapBuffer beside = build.map(length, in.width, in.height);
  build.linear(name + "conv1", in, first, Activation::silu);
  build.linear(name + "conv2", in, beside, Activation::silu);
  build.convolve(name + "rep.0", first, second, 3, {1, 1}, Activation::silu);
  build.convolve(name + "rep.1", second, first, 3, {1, 1}, Activation::silu);
  const FeatureMap &sum = has_last ? second.map() : out;
  build.convolve(name + "rep.2", first, sum, 3, {1, 1}, Activation::silu, &beside.map());
  if (has_last) {
    build.linear(name + "conv3", sum, out, Activation::silu);
  }
}

} // namespace

void build_hybrid_encoder(Builder &build, const LayoutConfig &config,
                          const std::array<FeatureMap, LayoutConfig::n_stages> &stages,
                          const std::array<FeatureMap, LayoutConfig::n_levels> &levels) {
  const std::int64_t length = config.encoder_length;
  // What each block gets lies side by side before it is computed: the enlarged or shrunk map, and
  // the map beside it.
  const MapBuffer fpn16 = build.map(2 * length, stages[2].width, stages[2].height);
  const MapBuffer fpn8 = build.map(2 * length, stages[1].width, stages[1].height);
  const MapBuffer pan16 = build.map(2 * length, stages[2].width, stages[2].height);
  const MapBuffer pan32 = build.map(2 * length, stages[3].width, stages[3].height);
  build.linear("enc.proj.0", stages[1], fpn8.map().channels(length, length));
  build.linear("enc.proj.1", stages[2], fpn16.map().channels(length, length));
  {
    const MapBuffer top = build.map(length, stages[3].width, stages[3].height);
    build.linear("enc.proj.2", stages[3], top);
    build_aifi(build, config, top);
    build.linear("enc.lateral.0", top, pan32.map().channels(length, length), Activation::silu);
  }
  build.enlarge_nearest(pan32.map().channels(length, length), fpn16.map().channels(0, length));
  {
    const MapBuffer middle = build.map(length, stages[2].width, stages[2].height);
    build_csp(build, config, "enc.fpn.0.", fpn16, middle);
    build.linear("enc.lateral.1", middle, pan16.map().channels(length, length), Activation::silu);
  }
  build.enlarge_nearest(pan16.map().channels(length, length), fpn8.map().channels(0, length));
  build_csp(build, config, "enc.fpn.1.", fpn8, levels[0]);
  build.convolve("enc.down.0", levels[0], pan16.map().channels(0, length), 3, {2, 1},
                 Activation::silu);
  build_csp(build, config, "enc.pan.0.", pan16, levels[1]);
  build.convolve("enc.down.1", levels[1], pan32.map().channels(0, length), 3, {2, 1},
                 Activation::silu);
  build_csp(build, config, "enc.pan.1.", pan32, levels[2]);
}

void build_prototypes(Builder &build, const LayoutConfig &config, const FeatureMap &first_stage,
                      const std::array<FeatureMap, LayoutConfig::n_levels> &levels,
                      const FeatureMap &prototypes) {
  const std::int64_t inner = config.mask_lengths[0];
  const std::int64_t outer = config.mask_lengths[1];
  const MapBuffer features = build.map(outer, prototypes.width, prototypes.height);
  {
    const MapBuffer fused = build.map(outer, levels[0].width, levels[0].height);
    {
      const MapBuffer sum = build.map(inner, levels[0].width, levels[0].height);
      build.convolve("mask.fpn.0.0", levels[0], sum, 3, {1, 1}, Activation::silu);
      const MapBuffer middle = build.map(inner, levels[1].width, levels[1].height);
      build.convolve("mask.fpn.1.0", levels[1], middle, 3, {1, 1}, Activation::silu);
      build.enlarge_bilinear(middle, sum, /*sum=*/true);
      const MapBuffer small = build.map(inner, levels[2].width, levels[2].height);
      build.convolve("mask.fpn.2.0", levels[2], small, 3, {1, 1}, Activation::silu);
      const MapBuffer enlarged = build.map(inner, levels[1].width, levels[1].height);
      build.enlarge_bilinear(small, enlarged);
      build.convolve("mask.fpn.2.1", enlarged, middle, 3, {1, 1}, Activation::silu);
      build.enlarge_bilinear(middle, sum, /*sum=*/true);
      build.convolve("mask.fpn_out", sum, fused, 3, {1, 1}, Activation::silu);
    }
    build.convolve("mask.lateral", first_stage, features, 3, {1, 1}, Activation::silu);
    build.enlarge_bilinear(fused, features, /*sum=*/true);
  }
  const MapBuffer base = build.map(outer, prototypes.width, prototypes.height);
  build.convolve("mask.base", features, base, 3, {1, 1}, Activation::silu);
  build.linear("mask.prototypes", base, prototypes);
}

} // namespace ppocrvl::layout
