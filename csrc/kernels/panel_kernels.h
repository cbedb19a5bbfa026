// SPDX-License-Identifier: Apache-2.0
//
// The tables of kernels in panels. Included by one file for each kind of CPU: see panels.h.
#pragma once

#include "kernels/cache_attention.h"
#include "kernels/kernels.h"
#include "kernels/layer_norm.h"
#include "kernels/linear_layer.h"
#include "kernels/panel_layouts.h"
#include "kernels/picture_attention.h"
#include "kernels/rotation.h"

namespace ppocrvl::kernels {

/// With `rounds_scores`, queries and keys are rounded once: see `score_rows`.
template <typename Product, bool rounds_scores = false> struct PanelKernels {
  using Layouts = PanelLayouts<Product>;
  using Layer = LinearLayer<Product>;
  using Decoder = CacheAttentionInPanels<Product, rounds_scores>;

  static constexpr VisionKernels vision(const char *name) {
    return {
        name,
        Product::has_tiles,
        Decoder::operands,
        Layer::kernel(),
        Layer::kernel(),
        LayerNorm<Product>::norm,
        Rotation<Product, rounds_scores>::rotate,
        PictureAttention<Product, rounds_scores>::attention,
        Layouts::to_panels,
        Layouts::from_panels,
        Layouts::to_operand,
    };
  }

  static constexpr DecoderKernels decoder(const char *name) {
    return {
        name,
        Product::has_tiles,
        Decoder::operands,
        Layer::linear,
        Layouts::rows_to_operand,
        Decoder::pack_cache,
        Decoder::attend_cache,
        /*few_tokens=*/nullptr,
        /*few_queries=*/nullptr,
        /*least_decoded=*/Product::has_tiles ? 3 : 1,
        /*has_plain_q8_0=*/false,
    };
  }
};

} // namespace ppocrvl::kernels
