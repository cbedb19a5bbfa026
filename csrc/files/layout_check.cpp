// SPDX-License-Identifier: Apache-2.0
#include "files/layout_check.h"

#include "files/key_rules.h"
#include "files/model_check.h"
#include "support/error.h"
#include "text/utf8_assembler.h"

#include <ggml.h>

#include <algorithm>
#include <array>
#include <unordered_set>

namespace ppocrvl {

namespace {

using namespace key_rules;

// ---- keys ----------------------------------------------------------------------------------

constexpr KeyRule layout_keys[] = {
    {"general.architecture", string, 0, required, 0, 0},
    {"general.name", string, 0, optional, 0, 0},
    {"ppocrvl.format_version", u32, 0, required, 1, 1},
    {"ppdoclayout.version", u32, 0, required, 2, 3},
    {"ppdoclayout.image.width", u32, 0, required, 64, 2048},
    {"ppdoclayout.image.height", u32, 0, required, 64, 2048},
    {"ppdoclayout.image.mean", f32, 3, required, -1000, 1000},
    {"ppdoclayout.image.std", f32, 3, required, 1e-6, 1000},
    {"ppdoclayout.image.halve", boolean, 0, optional, 0, 1},
    {"ppdoclayout.labels", string, any, required, 0, 0},
    {"ppdoclayout.thresholds", f32, any, required, 0, 1},
    {"ppdoclayout.layer_norm_epsilon", f32, 0, required, 1e-12, 1},
    {"ppdoclayout.backbone.stem_lengths", i32, 3, required, 1, 1024},
    {"ppdoclayout.backbone.stage_mid_lengths", i32, 4, required, 1, 1024},
    {"ppdoclayout.backbone.stage_out_lengths", i32, 4, required, 2, 4096},
    {"ppdoclayout.backbone.stage_block_counts", i32, 4, required, 1, 8},
    {"ppdoclayout.backbone.stage_layer_counts", i32, 4, required, 1, 16},
    {"ppdoclayout.backbone.stage_kernel_sizes", i32, 4, required, 3, 7},
    {"ppdoclayout.backbone.stage_light", i32, 4, required, 0, 1},
    {"ppdoclayout.encoder.embedding_length", u32, 0, required, 4, 1024},
    {"ppdoclayout.encoder.csp_length", u32, 0, required, 1, 2048},
    {"ppdoclayout.encoder.block_count", u32, 0, required, 1, 8},
    {"ppdoclayout.encoder.head_count", u32, 0, required, 1, 32},
    {"ppdoclayout.encoder.feed_forward_length", u32, 0, required, 1, 8192},
    {"ppdoclayout.decoder.embedding_length", u32, 0, required, 1, 1024},
    {"ppdoclayout.decoder.block_count", u32, 0, required, 1, 16},
    {"ppdoclayout.decoder.head_count", u32, 0, required, 1, 32},
    {"ppdoclayout.decoder.point_count", u32, 0, required, 1, 16},
    {"ppdoclayout.decoder.feed_forward_length", u32, 0, required, 1, 8192},
    {"ppdoclayout.decoder.query_count", u32, 0, required, 1, 1000},
    {"ppdoclayout.order.pointer_length", u32, 0, required, 1, 512},
    {"ppdoclayout.region.snap_to_ink", boolean, 0, optional, 0, 1},
    {"ppdoclayout.region.cover_ink", boolean, 0, optional, 0, 1},
    {"ppdoclayout.region.only_found_vote", boolean, 0, optional, 0, 1},
    {"ppdoclayout.region.order_columns", boolean, 0, optional, 0, 1},
    {"ppdoclayout.region.nms_iou", f32, 0, optional, 0, 1},
};

constexpr KeyRule v3_keys[] = {
    {"ppdoclayout.mask.present", boolean, 0, required, 0, 1},
    {"ppdoclayout.mask.enhanced", boolean, 0, required, 0, 1},
};

constexpr KeyRule mask_keys[] = {
    {"ppdoclayout.mask.prototype_count", u32, 0, required, 1, 256},
    {"ppdoclayout.mask.feature_lengths", i32, 2, required, 1, 1024},
};

constexpr KeyRule v2_keys[] = {
    {"ppdoclayout.order.embedding_length", u32, 0, required, 1, 2048},
    {"ppdoclayout.order.block_count", u32, 0, required, 1, 24},
    {"ppdoclayout.order.head_count", u32, 0, required, 1, 32},
    {"ppdoclayout.order.feed_forward_length", u32, 0, required, 1, 8192},
    {"ppdoclayout.order.coordinate_length", u32, 0, required, 1, 1024},
    {"ppdoclayout.order.shape_length", u32, 0, required, 1, 1024},
    {"ppdoclayout.order.position_count", u32, 0, required, 1024, 4096},
    {"ppdoclayout.order.relation_length", u32, 0, required, 2, 128},
    {"ppdoclayout.order.relation_scale", f32, 0, required, 1e-3, 1e6},
    {"ppdoclayout.order.layer_norm_epsilon", f32, 0, required, 1e-12, 1},
    {"ppdoclayout.order.thresholds", f32, any, required, 0, 1},
};

constexpr size_t most_labels = 256;
constexpr size_t most_label_bytes = 256; // 64 characters
// Elements of one map, of the scores of an attention, or of the masks of all queries: 256 MiB in
// float32, four times what the official model has.
constexpr int64_t most_elements = int64_t{1} << 26;
constexpr int n_stages = 4;
constexpr int n_levels = 3;

/// The file's numbers; all were found within the bounds of the rules.
class Sizes {
public:
  explicit Sizes(const GgufFile &file) : file_(file) {}

  int64_t operator()(const std::string &key) const {
    return key_integer(file_, ("ppdoclayout." + key).c_str());
  }
  [[nodiscard]] int64_t at(const std::string &key, int i) const {
    return file_.find("ppdoclayout." + key)->get<int32_t>(static_cast<size_t>(i));
  }
  /// Of a V3 file; false for V2, which has no masks.
  [[nodiscard]] bool flag(const std::string &key) const {
    return (*this)("version") == 3 && file_.find("ppdoclayout." + key)->get<uint8_t>() != 0;
  }
  [[nodiscard]] int64_t out(int stage) const { return at("backbone.stage_out_lengths", stage); }
  [[nodiscard]] int64_t labels() const {
    return static_cast<int64_t>(file_.find("ppdoclayout.labels")->count());
  }
  [[nodiscard]] int64_t positions(int64_t stride) const {
    return (*this)("image.width") / stride * ((*this)("image.height") / stride);
  }
  [[nodiscard]] int64_t anchors() const { return positions(8) + positions(16) + positions(32); }

private:
  const GgufFile &file_;
};

void check_labels(const GgufFile &file, Problems &problems) {
  const std::vector<std::string> &labels = file.find("ppdoclayout.labels")->strings;
  if (labels.empty() || labels.size() > most_labels) {
    problems.add("it has " + std::to_string(labels.size()) + " labels instead of 1 to " +
                 std::to_string(most_labels));
  }
  std::unordered_set<std::string> names;
  for (const std::string &label : labels) {
    const bool is_text =
        Utf8Assembler().push(label) == label && label.find('\0') == std::string::npos;
    if (label.empty() || label.size() > most_label_bytes || !is_text) {
      problems.add("a label is " + in_quotes(label));
      return;
    }
    if (!names.insert(label).second) {
      problems.add("the label " + in_quotes(label) + " is there twice");
      return;
    }
  }
  for (const char *key : {"ppdoclayout.thresholds", "ppdoclayout.order.thresholds"}) {
    const GgufValue *thresholds = file.find(key);
    if (thresholds != nullptr && thresholds->count() != labels.size()) {
      problems.add(std::string("key '") + key + "' has " + std::to_string(thresholds->count()) +
                   " values for " + std::to_string(labels.size()) + " labels");
    }
  }
}

void need_multiple(const Sizes &sizes, const char *key, int64_t divisor, Problems &problems) {
  if (sizes(key) % divisor != 0) {
    problems.add(std::string("key 'ppdoclayout.") + key + "' is " + std::to_string(sizes(key)) +
                 ", no multiple of " + std::to_string(divisor));
  }
}

void check_numbers(const Sizes &sizes, Problems &problems) {
  for (const char *side : {"image.width", "image.height"}) {
    need_multiple(sizes, side, 32, problems);
  }
  need_multiple(sizes, "encoder.embedding_length", 4, problems);
  need_multiple(sizes, "encoder.embedding_length", sizes("encoder.head_count"), problems);
  need_multiple(sizes, "decoder.embedding_length", sizes("decoder.head_count"), problems);
  if (sizes("version") == 2) {
    need_multiple(sizes, "order.embedding_length", sizes("order.head_count"), problems);
    need_multiple(sizes, "order.relation_length", 2, problems);
  }
  if (sizes.at("backbone.stem_lengths", 0) != 3 || sizes.at("backbone.stem_lengths", 1) % 2 != 0) {
    problems.add("key 'ppdoclayout.backbone.stem_lengths' must begin with 3 and an even number");
  }
  for (int stage = 0; stage < n_stages; ++stage) {
    if (sizes.out(stage) % 2 != 0 || sizes.at("backbone.stage_kernel_sizes", stage) % 2 == 0) {
      problems.add("stage " + std::to_string(stage) + " has odd channels or an even kernel");
    }
  }
  if (sizes("decoder.query_count") > sizes.anchors()) {
    problems.add("it has more queries than its " + std::to_string(sizes.anchors()) + " anchors");
  }
  if (sizes.flag("mask.enhanced") && !sizes.flag("mask.present")) {
    problems.add("boxes come from masks (mask.enhanced), but it has no masks (mask.present)");
  }
}

void need_memory(const char *what, int64_t elements, Problems &problems) {
  if (elements > most_elements) {
    problems.add(std::string(what) + " would have " + std::to_string(elements) +
                 " elements, more than " + std::to_string(most_elements));
  }
}

/// What the graph allocates; each product is of two or three bounded numbers and cannot overflow.
void check_memory(const Sizes &sizes, Problems &problems) {
  int64_t in = sizes.at("backbone.stem_lengths", 2);
  need_memory("the stem", 2 * sizes.at("backbone.stem_lengths", 1) * sizes.positions(2), problems);
  for (int stage = 0; stage < n_stages; ++stage) {
    const int64_t inner = sizes.at("backbone.stage_layer_counts", stage) *
                          sizes.at("backbone.stage_mid_lengths", stage);
    const int64_t widest = std::max(in, sizes.out(stage));
    need_memory("a stage", (widest + inner) * sizes.positions(int64_t{4} << stage), problems);
    in = sizes.out(stage);
  }
  const int64_t tokens = sizes.positions(32);
  const int64_t queries = sizes("decoder.query_count");
  const int64_t dim = sizes("encoder.embedding_length");
  need_memory("the encoder", 2 * (dim + sizes("encoder.csp_length")) * sizes.positions(8),
              problems);
  need_memory("the encoder's attention", tokens * tokens * sizes("encoder.head_count"), problems);
  need_memory("the encoder's FFN", tokens * sizes("encoder.feed_forward_length"), problems);
  need_memory("the memory of the decoder", sizes.anchors() * sizes("decoder.embedding_length"),
              problems);
  need_memory("the class scores", sizes.anchors() * sizes.labels(), problems);
  if (sizes.flag("mask.present")) {
    const int64_t channels = std::max({
        sizes.at("mask.feature_lengths", 0),
        sizes.at("mask.feature_lengths", 1),
        sizes("mask.prototype_count"),
        queries,
    });
    need_memory("the masks", channels * sizes.positions(4), problems);
  }
}

// ---- tensors -------------------------------------------------------------------------------

/// Compares the file's tensors with what is expected, both ways.
class LayoutTensors {
public:
  LayoutTensors(const GgufFile &file, Problems &problems) : file_(file), problems_(problems) {}

  /// A weight that may be of the type asked for, `[in, out]`, and its bias.
  void matrix(const std::string &name, int64_t in, int64_t out) {
    check(name + ".weight", {in, out, 1, 1}, false);
    check(name + ".bias", {out, 1, 1, 1}, true);
  }
  /// The same in F32.
  void exact(const std::string &name, int64_t in, int64_t out) {
    check(name + ".weight", {in, out, 1, 1}, true);
    check(name + ".bias", {out, 1, 1, 1}, true);
  }
  void norm(const std::string &name, int64_t width) {
    check(name + ".weight", {width, 1, 1, 1}, true);
    check(name + ".bias", {width, 1, 1, 1}, true);
  }
  void constant(const std::string &name, int64_t columns, int64_t rows = 1) {
    check(name, {columns, rows, 1, 1}, true);
  }
  /// A head of three layers.
  void head(const std::string &name, int64_t in, int64_t out) {
    exact(name + ".0", in, in);
    exact(name + ".1", in, in);
    exact(name + ".2", in, out);
  }

  void refuse_others() {
    for (const GgufTensor &tensor : file_.tensors) {
      if (expected_.count(tensor.name) == 0) {
        problems_.add("unexpected tensor " + in_quotes(tensor.name));
      }
    }
  }

private:
  static bool is_allowed(int32_t type, bool only_f32) {
    return type == GGML_TYPE_F32 ||
           (!only_f32 &&
            (type == GGML_TYPE_F16 || type == GGML_TYPE_BF16 || type == GGML_TYPE_Q8_0));
  }

  void check(const std::string &name, const std::array<int64_t, 4> &shape, bool only_f32) {
    expected_.insert(name);
    const GgufTensor *tensor = file_.find_tensor(name);
    if (tensor == nullptr) {
      problems_.add("tensor '" + name + "' is missing");
    } else if (tensor->shape != shape) {
      problems_.add("tensor '" + name + "' is " + shape_text(tensor->shape) + " instead of " +
                    shape_text(shape));
    } else if (!is_allowed(tensor->type, only_f32)) {
      problems_.add("tensor '" + name + "' cannot be of type " + tensor_type_name(tensor->type));
    }
  }

  const GgufFile &file_;
  Problems &problems_;
  std::unordered_set<std::string> expected_;
};

void check_backbone(const Sizes &sizes, LayoutTensors &tensors) {
  const int64_t stem = sizes.at("backbone.stem_lengths", 1);
  int64_t in = sizes.at("backbone.stem_lengths", 2);
  tensors.matrix("backbone.stem1", int64_t{3} * 9, stem);
  tensors.matrix("backbone.stem2a", stem * 4, stem / 2);
  tensors.matrix("backbone.stem2b", stem / 2 * 4, stem);
  tensors.matrix("backbone.stem3", 2 * stem * 9, stem);
  tensors.matrix("backbone.stem4", stem, in);
  for (int stage = 0; stage < n_stages; ++stage) {
    const std::string path = "backbone." + std::to_string(stage);
    const int64_t mid = sizes.at("backbone.stage_mid_lengths", stage);
    const int64_t layers = sizes.at("backbone.stage_layer_counts", stage);
    const int64_t kernel = sizes.at("backbone.stage_kernel_sizes", stage);
    const int64_t out = sizes.out(stage);
    if (stage > 0) {
      tensors.exact(path + ".down", 9, in);
    }
    for (int64_t block = 0; block < sizes.at("backbone.stage_block_counts", stage); ++block) {
      const std::string name = path + "." + std::to_string(block);
      for (int64_t layer = 0; layer < layers; ++layer) {
        const std::string inner = name + "." + std::to_string(layer);
        const int64_t width = layer == 0 ? in : mid;
        if (sizes.at("backbone.stage_light", stage) != 0) {
          tensors.matrix(inner + ".point", width, mid);
          tensors.exact(inner + ".depth", kernel * kernel, mid);
        } else {
          tensors.matrix(inner + ".conv", width * kernel * kernel, mid);
        }
      }
      tensors.matrix(name + ".squeeze", in + layers * mid, out / 2);
      tensors.matrix(name + ".excite", out / 2, out);
      in = out;
    }
  }
}

void check_encoder(const Sizes &sizes, LayoutTensors &tensors) {
  const int64_t dim = sizes("encoder.embedding_length");
  const int64_t csp = sizes("encoder.csp_length");
  const int64_t ff = sizes("encoder.feed_forward_length");
  for (int level = 0; level < n_levels; ++level) {
    tensors.matrix("enc.proj." + std::to_string(level), sizes.out(level + 1), dim);
  }
  tensors.constant("enc.pos_embd", dim, sizes.positions(32));
  for (int64_t layer = 0; layer < sizes("encoder.block_count"); ++layer) {
    const std::string name = "enc.aifi." + std::to_string(layer);
    for (const char *part : {".attn_q", ".attn_k", ".attn_v", ".attn_out"}) {
      tensors.matrix(name + part, dim, dim);
    }
    tensors.norm(name + ".attn_norm", dim);
    tensors.matrix(name + ".ffn_up", dim, ff);
    tensors.matrix(name + ".ffn_down", ff, dim);
    tensors.norm(name + ".ffn_norm", dim);
  }
  for (int i = 0; i < n_levels - 1; ++i) {
    const std::string number = std::to_string(i);
    tensors.matrix("enc.lateral." + number, dim, dim);
    tensors.matrix("enc.down." + number, dim * 9, dim);
    for (const char *kind : {"enc.fpn.", "enc.pan."}) {
      const std::string name = kind + number;
      tensors.matrix(name + ".conv1", 2 * dim, csp);
      tensors.matrix(name + ".conv2", 2 * dim, csp);
      for (const char *rep : {".rep.0", ".rep.1", ".rep.2"}) {
        tensors.matrix(name + rep, csp * 9, csp);
      }
      if (csp != dim) {
        tensors.matrix(name + ".conv3", csp, dim);
      }
    }
  }
}

void check_masks(const Sizes &sizes, LayoutTensors &tensors) {
  const int64_t dim = sizes("encoder.embedding_length");
  const int64_t inner = sizes.at("mask.feature_lengths", 0);
  const int64_t outer = sizes.at("mask.feature_lengths", 1);
  const int64_t prototypes = sizes("mask.prototype_count");
  for (const char *level : {"mask.fpn.0.0", "mask.fpn.1.0", "mask.fpn.2.0"}) {
    tensors.matrix(level, dim * 9, inner);
  }
  tensors.matrix("mask.fpn.2.1", inner * 9, inner);
  tensors.matrix("mask.fpn_out", inner * 9, outer);
  tensors.matrix("mask.lateral", sizes.out(0) * 9, outer);
  tensors.matrix("mask.base", outer * 9, outer);
  tensors.matrix("mask.prototypes", outer, prototypes);
  tensors.head("mask.query", sizes("decoder.embedding_length"), prototypes);
}

void check_decoder(const Sizes &sizes, LayoutTensors &tensors) {
  const int64_t dim = sizes("decoder.embedding_length");
  const int64_t ff = sizes("decoder.feed_forward_length");
  const int64_t points = sizes("decoder.head_count") * n_levels * sizes("decoder.point_count");
  const bool is_v3 = sizes("version") == 3;
  for (int level = 0; level < n_levels; ++level) {
    tensors.matrix("dec.proj." + std::to_string(level), sizes("encoder.embedding_length"), dim);
  }
  tensors.constant("dec.anchors", 4, sizes.anchors());
  tensors.constant("dec.anchors_valid", 1, sizes.anchors());
  tensors.exact("dec.memory", dim, dim);
  tensors.norm("dec.memory_norm", dim);
  tensors.exact("dec.enc_class", dim, sizes.labels());
  tensors.head("dec.enc_box", dim, 4);
  tensors.exact("dec.query_pos.0", 4, 2 * dim);
  tensors.exact("dec.query_pos.1", 2 * dim, dim);
  for (int64_t layer = 0; layer < sizes("decoder.block_count"); ++layer) {
    const std::string name = "dec." + std::to_string(layer);
    for (const char *part :
         {".attn_q", ".attn_k", ".attn_v", ".attn_out", ".cross_value", ".cross_out"}) {
      tensors.exact(name + part, dim, dim);
    }
    tensors.exact(name + ".cross_offsets", dim, 2 * points);
    tensors.exact(name + ".cross_weights", dim, points);
    tensors.exact(name + ".ffn_up", dim, ff);
    tensors.exact(name + ".ffn_down", ff, dim);
    for (const char *part : {".attn_norm", ".cross_norm", ".ffn_norm"}) {
      tensors.norm(name + part, dim);
    }
    if (!is_v3) {
      tensors.head(name + ".box", dim, 4);
    }
  }
  tensors.exact("dec.class", dim, sizes.labels());
  const int64_t pointer = 2 * sizes("order.pointer_length");
  if (is_v3) {
    tensors.norm("dec.norm", dim);
    tensors.head("dec.box", dim, 4);
    tensors.exact("order.head", dim, dim);
    tensors.exact("order.pointer", dim, pointer);
  } else {
    tensors.exact("order.pointer", sizes("order.embedding_length"), pointer);
  }
}

void check_order_net(const Sizes &sizes, LayoutTensors &tensors) {
  const int64_t dim = sizes("order.embedding_length");
  const int64_t ff = sizes("order.feed_forward_length");
  const int64_t coordinate = sizes("order.coordinate_length");
  const int64_t shape = sizes("order.shape_length");
  const int64_t relation = sizes("order.relation_length");
  tensors.constant("order.token_embd", dim, 4);
  tensors.constant("order.pos_embd", dim, sizes("decoder.query_count") + 2);
  tensors.constant("order.label_embd", dim, sizes.labels());
  for (const char *axis : {"order.x_embd", "order.y_embd"}) {
    tensors.constant(axis, coordinate, sizes("order.position_count"));
  }
  for (const char *axis : {"order.w_embd", "order.h_embd"}) {
    tensors.constant(axis, shape, sizes("order.position_count"));
  }
  tensors.matrix("order.spatial", 4 * coordinate + 2 * shape, dim);
  tensors.norm("order.embd_norm", dim);
  tensors.exact("order.relation", 4 * relation, sizes("order.head_count"));
  tensors.constant("order.relation_freq", relation / 2);
  for (int64_t layer = 0; layer < sizes("order.block_count"); ++layer) {
    const std::string name = "order." + std::to_string(layer);
    for (const char *part : {".attn_q", ".attn_k", ".attn_v", ".attn_out"}) {
      tensors.matrix(name + part, dim, dim);
    }
    tensors.norm(name + ".attn_norm", dim);
    tensors.matrix(name + ".ffn_up", dim, ff);
    tensors.matrix(name + ".ffn_down", ff, dim);
    tensors.norm(name + ".ffn_norm", dim);
  }
}

void check_architecture(const GgufFile &file) {
  const ModelRole role = model_role(file);
  if (role == ModelRole::layout) {
    return;
  }
  if (role != ModelRole::other) {
    throw Error(ErrorKind::model_mismatch,
                file.path + ": this is a part of a language model; it was given as the layout "
                            "model; give it as the model, and a ppdoclayout file as the layout "
                            "model");
  }
  const std::string architecture = file.architecture();
  throw Error(ErrorKind::model_format,
              file.path + ": not a layout model: " +
                  (architecture.empty() ? "it names no architecture"
                                        : "its architecture is " + in_quotes(architecture)) +
                  "; give the file that `ppocrvl export` writes for PP-DocLayoutV3 or V2");
}

} // namespace

void check_layout(const GgufFile &file) {
  check_architecture(file);
  Problems problems(file);
  check_keys(file, layout_keys, problems);
  problems.throw_if_any(); // the rest relies on these
  const Sizes sizes(file);
  const bool is_v3 = sizes("version") == 3;
  if (is_v3) {
    check_keys(file, v3_keys, problems);
  } else {
    check_keys(file, v2_keys, problems);
  }
  problems.throw_if_any();
  const bool has_masks = sizes.flag("mask.present");
  if (has_masks) {
    check_keys(file, mask_keys, problems);
    problems.throw_if_any();
  }
  check_labels(file, problems);
  check_numbers(sizes, problems);
  problems.throw_if_any();
  check_memory(sizes, problems);

  LayoutTensors tensors(file, problems);
  check_backbone(sizes, tensors);
  check_encoder(sizes, tensors);
  check_decoder(sizes, tensors);
  if (has_masks) {
    check_masks(sizes, tensors);
  }
  if (!is_v3) {
    check_order_net(sizes, tensors);
  }
  tensors.refuse_others();
  problems.throw_if_any();
}

} // namespace ppocrvl
