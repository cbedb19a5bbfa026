// SPDX-License-Identifier: Apache-2.0
#include "layout/config.h"

#include "files/layout_check.h"

#include <algorithm>
#include <cstddef>

namespace ppocrvl::layout {
namespace {

/// Values of keys that the check found to be there, with their types and lengths.
class Keys {
public:
  explicit Keys(const GgufFile &file) : file_(file) {}

  [[nodiscard]] std::int64_t integer(const std::string &name) const {
    return value(name).get<std::uint32_t>();
  }
  [[nodiscard]] float real(const std::string &name) const { return value(name).get<float>(); }
  /// False for a key that is not there.
  [[nodiscard]] bool flag(const std::string &name) const {
    const GgufValue *found = file_.find(full(name));
    return found != nullptr && found->get<std::uint8_t>() != 0;
  }
  [[nodiscard]] const std::vector<std::string> &texts(const std::string &name) const {
    return value(name).strings;
  }
  [[nodiscard]] std::vector<float> reals(const std::string &name) const {
    const GgufValue &found = value(name);
    std::vector<float> numbers(found.count());
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      numbers[i] = found.get<float>(i);
    }
    return numbers;
  }
  template <std::size_t count>
  void read(const std::string &name, std::array<std::int64_t, count> &numbers) const {
    for (std::size_t i = 0; i < count; ++i) {
      numbers[i] = value(name).get<std::int32_t>(i);
    }
  }
  template <std::size_t count>
  void read(const std::string &name, std::array<float, count> &numbers) const {
    for (std::size_t i = 0; i < count; ++i) {
      numbers[i] = value(name).get<float>(i);
    }
  }

private:
  static std::string full(const std::string &name) {
    return std::string(layout_architecture) + "." + name;
  }
  [[nodiscard]] const GgufValue &value(const std::string &name) const {
    return *file_.find(full(name));
  }

  const GgufFile &file_;
};

void read_input(const Keys &keys, LayoutConfig &config) {
  config.width = keys.integer("image.width");
  config.height = keys.integer("image.height");
  keys.read("image.mean", config.mean);
  keys.read("image.std", config.std);
  config.halves_pages = keys.flag("image.halve");
  config.only_found_vote = keys.flag("region.only_found_vote");
}

void read_backbone(const Keys &keys, LayoutConfig &config) {
  keys.read("backbone.stem_lengths", config.stem_lengths);
  keys.read("backbone.stage_mid_lengths", config.mid_lengths);
  keys.read("backbone.stage_out_lengths", config.out_lengths);
  keys.read("backbone.stage_block_counts", config.block_counts);
  keys.read("backbone.stage_layer_counts", config.layer_counts);
  keys.read("backbone.stage_kernel_sizes", config.kernel_sizes);
  keys.read("backbone.stage_light", config.light);
}

void read_encoder(const Keys &keys, LayoutConfig &config) {
  config.encoder_length = keys.integer("encoder.embedding_length");
  config.csp_length = keys.integer("encoder.csp_length");
  config.encoder_blocks = keys.integer("encoder.block_count");
  config.encoder_heads = keys.integer("encoder.head_count");
  config.encoder_feed_forward = keys.integer("encoder.feed_forward_length");
}

void read_decoder(const Keys &keys, LayoutConfig &config) {
  config.decoder_length = keys.integer("decoder.embedding_length");
  config.decoder_blocks = keys.integer("decoder.block_count");
  config.decoder_heads = keys.integer("decoder.head_count");
  config.n_points = keys.integer("decoder.point_count");
  config.decoder_feed_forward = keys.integer("decoder.feed_forward_length");
  config.n_queries = keys.integer("decoder.query_count");
  config.pointer_length = keys.integer("order.pointer_length");
}

void read_masks(const Keys &keys, LayoutConfig &config) {
  config.has_masks = keys.flag("mask.present");
  config.is_mask_enhanced = keys.flag("mask.enhanced");
  if (config.has_masks) {
    config.n_prototypes = keys.integer("mask.prototype_count");
    keys.read("mask.feature_lengths", config.mask_lengths);
  }
}

OrderNetConfig read_order_net(const Keys &keys) {
  OrderNetConfig order;
  order.length = keys.integer("order.embedding_length");
  order.blocks = keys.integer("order.block_count");
  order.heads = keys.integer("order.head_count");
  order.feed_forward = keys.integer("order.feed_forward_length");
  order.coordinate_length = keys.integer("order.coordinate_length");
  order.shape_length = keys.integer("order.shape_length");
  order.n_positions = keys.integer("order.position_count");
  order.relation_length = keys.integer("order.relation_length");
  order.relation_scale = keys.real("order.relation_scale");
  order.layer_norm_epsilon = keys.real("order.layer_norm_epsilon");
  order.thresholds = keys.reals("order.thresholds");
  return order;
}

} // namespace

std::int64_t LayoutConfig::n_anchors() const {
  std::int64_t count = 0;
  for (std::int64_t level = 0; level < n_levels; ++level) {
    count += level_width(level) * level_height(level);
  }
  return count;
}

LayoutConfig read_config(const GgufFile &file) {
  check_layout(file);
  const Keys keys(file);
  LayoutConfig config;
  config.version = static_cast<int>(keys.integer("version"));
  config.labels = keys.texts("labels");
  config.thresholds = keys.reals("thresholds");
  config.layer_norm_epsilon = keys.real("layer_norm_epsilon");
  read_input(keys, config);
  read_backbone(keys, config);
  read_encoder(keys, config);
  read_decoder(keys, config);
  if (config.version == 3) {
    read_masks(keys, config);
  } else {
    config.order_net = read_order_net(keys);
  }
  return config;
}

} // namespace ppocrvl::layout
