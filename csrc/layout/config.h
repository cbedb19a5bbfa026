// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "files/gguf_file.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace ppocrvl::layout {

/// Sizes of V2's order net.
struct OrderNetConfig {
  std::int64_t length = 0;
  std::int64_t blocks = 0;
  std::int64_t heads = 0;
  std::int64_t feed_forward = 0;
  std::int64_t coordinate_length = 0;
  std::int64_t shape_length = 0;
  std::int64_t n_positions = 0;
  std::int64_t relation_length = 0;
  float relation_scale = 0;
  float layer_norm_epsilon = 0;
  std::vector<float> thresholds; // by label
};

/// Sizes of a layout model. The names are those of docs/layout-format.md.
struct LayoutConfig {
  static constexpr std::int64_t n_stages = 4;
  static constexpr std::int64_t n_levels = 3; // strides 8, 16, 32

  int version = 3;
  std::int64_t width = 0; // of the input, pixels
  std::int64_t height = 0;
  std::array<float, 3> mean{};
  std::array<float, 3> std{};
  bool halves_pages = false; // large ones, before they are resized
  std::vector<std::string> labels;
  std::vector<float> thresholds; // by label
  bool only_found_vote = false;  // on the reading order, see regions.h
  float layer_norm_epsilon = 0;

  std::array<std::int64_t, 3> stem_lengths{};
  std::array<std::int64_t, n_stages> mid_lengths{};
  std::array<std::int64_t, n_stages> out_lengths{};
  std::array<std::int64_t, n_stages> block_counts{};
  std::array<std::int64_t, n_stages> layer_counts{};
  std::array<std::int64_t, n_stages> kernel_sizes{};
  std::array<std::int64_t, n_stages> light{};

  std::int64_t encoder_length = 0;
  std::int64_t csp_length = 0;
  std::int64_t encoder_blocks = 0;
  std::int64_t encoder_heads = 0;
  std::int64_t encoder_feed_forward = 0;

  std::int64_t decoder_length = 0;
  std::int64_t decoder_blocks = 0;
  std::int64_t decoder_heads = 0;
  std::int64_t n_points = 0;
  std::int64_t decoder_feed_forward = 0;
  std::int64_t n_queries = 0;
  std::int64_t pointer_length = 0;

  bool has_masks = false;
  bool is_mask_enhanced = false;
  std::int64_t n_prototypes = 0;
  std::array<std::int64_t, 2> mask_lengths{};

  OrderNetConfig order_net; // of version 2

  [[nodiscard]] std::int64_t n_labels() const { return static_cast<std::int64_t>(labels.size()); }
  [[nodiscard]] std::int64_t level_width(std::int64_t level) const { return width / (8 << level); }
  [[nodiscard]] std::int64_t level_height(std::int64_t level) const {
    return height / (8 << level);
  }
  /// Tokens of all levels.
  [[nodiscard]] std::int64_t n_anchors() const;
};

/// Reads the keys of a file that `check_layout` passes; throws what that throws.
LayoutConfig read_config(const GgufFile &file);

} // namespace ppocrvl::layout
