// SPDX-License-Identifier: Apache-2.0
#include "layout/config.h"

#include "support/error.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>

namespace ppocrvl::layout {
namespace {

constexpr const char *architecture = "ppdoclayout";

class Keys {
public:
  explicit Keys(const GgufFile &file) : file_(file) {}

  [[nodiscard]] std::int64_t integer(const std::string &name, std::int64_t least,
                                     std::int64_t most) const {
    return within(value(name, GgufType::u32, 1).get<std::uint32_t>(), name, least, most);
  }

  template <std::size_t count>
  [[nodiscard]] std::array<std::int64_t, count>
  integers(const std::string &name, std::int64_t least, std::int64_t most) const {
    const GgufValue &found = value(name, GgufType::i32, count);
    std::array<std::int64_t, count> numbers{};
    for (std::size_t i = 0; i < count; ++i) {
      numbers[i] = within(found.get<std::int32_t>(i), name, least, most);
    }
    return numbers;
  }

  [[nodiscard]] std::vector<float> floats(const std::string &name, std::size_t count, float least,
                                          float most) const {
    const GgufValue &found = value(name, GgufType::f32, count);
    std::vector<float> numbers(count);
    for (std::size_t i = 0; i < count; ++i) {
      numbers[i] = found.get<float>(i);
      const bool is_within = numbers[i] >= least && numbers[i] <= most; // NaN is not
      if (!is_within) {
        fail(name, "is " + std::to_string(numbers[i]) + ", which no such model has");
      }
    }
    return numbers;
  }

  [[nodiscard]] bool boolean(const std::string &name) const {
    return value(name, GgufType::boolean, 1).get<std::uint8_t>() != 0;
  }

  [[nodiscard]] std::vector<std::string> strings(const std::string &name) const {
    const GgufValue *found = file_.find(full(name));
    if (found == nullptr || found->type != GgufType::string || !found->is_array) {
      fail(name, "is missing or no list of strings");
    }
    return found->strings;
  }

  [[noreturn]] void fail(const std::string &name, const std::string &what) const {
    throw Error(ErrorKind::model_format, file_.path + ": the key " + full(name) + " " + what +
                                             "; export the layout model again");
  }

private:
  static std::string full(const std::string &name) {
    return std::string(architecture) + "." + name;
  }

  [[nodiscard]] const GgufValue &value(const std::string &name, GgufType type,
                                       std::size_t count) const {
    const GgufValue *found = file_.find(full(name));
    if (found == nullptr) {
      fail(name, "is missing");
    }
    if (found->type != type || found->count() != count) {
      fail(name, "has another type or length than such a file's");
    }
    return *found;
  }

  [[nodiscard]] std::int64_t within(std::int64_t number, const std::string &name,
                                    std::int64_t least, std::int64_t most) const {
    if (number < least || number > most) {
      fail(name, "is " + std::to_string(number) + ", not " + std::to_string(least) + " to " +
                     std::to_string(most));
    }
    return number;
  }

  const GgufFile &file_;
};

template <std::size_t count> std::array<float, count> to_array(const std::vector<float> &values) {
  std::array<float, count> out{};
  std::copy_n(values.begin(), count, out.begin());
  return out;
}

void read_backbone(const Keys &keys, LayoutConfig &config) {
  config.stem_lengths = keys.integers<3>("backbone.stem_lengths", 1, 1024);
  if (config.stem_lengths[0] != 3 || config.stem_lengths[1] % 2 != 0) {
    keys.fail("backbone.stem_lengths", "does not begin with 3 and an even number");
  }
  config.mid_lengths = keys.integers<4>("backbone.stage_mid_lengths", 1, 1024);
  config.out_lengths = keys.integers<4>("backbone.stage_out_lengths", 2, 4096);
  config.block_counts = keys.integers<4>("backbone.stage_block_counts", 1, 8);
  config.layer_counts = keys.integers<4>("backbone.stage_layer_counts", 1, 16);
  config.kernel_sizes = keys.integers<4>("backbone.stage_kernel_sizes", 3, 7);
  config.light = keys.integers<4>("backbone.stage_light", 0, 1);
  for (const std::int64_t length : config.out_lengths) {
    if (length % 2 != 0) {
      keys.fail("backbone.stage_out_lengths", "has an odd number");
    }
  }
  for (const std::int64_t size : config.kernel_sizes) {
    if (size % 2 == 0) {
      keys.fail("backbone.stage_kernel_sizes", "has an even number");
    }
  }
}

void read_encoder(const Keys &keys, LayoutConfig &config) {
  config.encoder_length = keys.integer("encoder.embedding_length", 4, 1024);
  config.csp_length = keys.integer("encoder.csp_length", 1, 2048);
  config.encoder_blocks = keys.integer("encoder.block_count", 1, 8);
  config.encoder_heads = keys.integer("encoder.head_count", 1, 32);
  config.encoder_feed_forward = keys.integer("encoder.feed_forward_length", 1, 8192);
  if (config.encoder_length % 4 != 0 || config.encoder_length % config.encoder_heads != 0) {
    keys.fail("encoder.embedding_length", "is no multiple of 4 and of the heads");
  }
}

void read_decoder(const Keys &keys, LayoutConfig &config) {
  config.decoder_length = keys.integer("decoder.embedding_length", 1, 1024);
  config.decoder_blocks = keys.integer("decoder.block_count", 1, 16);
  config.decoder_heads = keys.integer("decoder.head_count", 1, 32);
  config.n_points = keys.integer("decoder.point_count", 1, 16);
  config.decoder_feed_forward = keys.integer("decoder.feed_forward_length", 1, 8192);
  config.n_queries =
      keys.integer("decoder.query_count", 1, std::min<std::int64_t>(1000, config.n_anchors()));
  config.pointer_length = keys.integer("order.pointer_length", 1, 512);
  if (config.decoder_length % config.decoder_heads != 0) {
    keys.fail("decoder.embedding_length", "is no multiple of the heads");
  }
}

void read_masks(const Keys &keys, LayoutConfig &config) {
  config.has_masks = keys.boolean("mask.present");
  config.is_mask_enhanced = keys.boolean("mask.enhanced");
  if (!config.has_masks) {
    if (config.is_mask_enhanced) {
      keys.fail("mask.enhanced", "is true without masks");
    }
    return;
  }
  config.n_prototypes = keys.integer("mask.prototype_count", 1, 256);
  config.mask_lengths = keys.integers<2>("mask.feature_lengths", 1, 1024);
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
  if (file.architecture() != architecture) {
    throw Error(ErrorKind::model_mismatch,
                file.path + ": holds " + in_quotes(file.architecture()) +
                    ", no layout model; give the file that was exported from PP-DocLayout");
  }
  const Keys keys(file);
  LayoutConfig config;
  config.version = static_cast<int>(keys.integer("version", 2, 3));
  if (config.version != 3) {
    keys.fail("version", "is 2, which cannot be computed yet");
  }
  config.width = keys.integer("image.width", 64, 2048);
  config.height = keys.integer("image.height", 64, 2048);
  if (config.width % 32 != 0 || config.height % 32 != 0) {
    keys.fail("image.width", "or image.height is no multiple of 32");
  }
  config.mean = to_array<3>(keys.floats("image.mean", 3, -1e3F, 1e3F));
  config.std = to_array<3>(keys.floats("image.std", 3, 1e-6F, 1e3F));
  config.labels = keys.strings("labels");
  if (config.labels.empty() || config.labels.size() > 256 ||
      std::set<std::string>(config.labels.begin(), config.labels.end()).size() !=
          config.labels.size()) {
    keys.fail("labels", "does not hold 1 to 256 different names");
  }
  config.thresholds = keys.floats("thresholds", config.labels.size(), 0.0F, 1.0F);
  config.layer_norm_epsilon = keys.floats("layer_norm_epsilon", 1, 1e-12F, 1.0F)[0];
  read_backbone(keys, config);
  read_encoder(keys, config);
  read_decoder(keys, config);
  read_masks(keys, config);
  return config;
}

} // namespace ppocrvl::layout
