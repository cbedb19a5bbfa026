// SPDX-License-Identifier: Apache-2.0
#include "files/model_check.h"

#include "files/key_rules.h"
#include "files/layout_check.h"
#include "support/error.h"

#include <ggml.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <string_view>
#include <unordered_set>

namespace ppocrvl {

namespace {

using namespace key_rules;

// ---- keys ----------------------------------------------------------------------------------

// A number of the header is believed only as far as the memory and the time that it costs are
// bounded. Weights, positions and the vocabulary are in the file with all their bytes, so their
// memory is a small multiple of the file's size. What else allocates by a number is bounded here
// and in `check_cache`, `check_pixels` and `check_vocabulary`, a few times above what the official
// model and its fine-tunes have (in parentheses). Together, what a pair of files takes to load and
// to read a picture beyond four times its size stays below 1 GiB; tests/files/test_memory.py goes
// through the limits.
constexpr KeyRule common_keys[] = {
    {"general.architecture", string, 0, required, 0, 0},
    {"general.name", string, 0, optional, 0, 0},
    {"general.description", string, 0, optional, 0, 0},
    {"general.file_type", u32, 0, optional, 0, 1e6},
    {"general.quantization_version", u32, 0, optional, 0, 1e6},
    {"ppocrvl.format_version", u32, 0, optional, 1, 1},
    {"ppocrvl.model_version", string, 0, optional, 0, 0},
    {"ppocrvl.source.sha256", string, 0, optional, 0, 0},
    {"ppocrvl.source.revision", string, 0, optional, 0, 0},
    {"ppocrvl.max_lines", u32, 0, optional, 1, 1e4},
    {"ppocrvl.tasks", string, any, optional, 0, 0},
};

// Decoder. A step computes 256 tokens: each width is a row of so many floats for each of them. In
// f32 files attention holds the scores of 256 tokens to all cells of the cache for each head.
constexpr double most_layers = 128;      // (18)
constexpr double most_context = 1 << 20; // tokens (131,072)
constexpr double most_embd = 8192;       // (1024)
constexpr double most_ff = 32768;        // (3072)
constexpr double most_heads = 64;        // (16)
constexpr double most_head_size = 256;   // (128)
constexpr double most_tokens = 1 << 18;  // of the vocabulary (103,424)

constexpr KeyRule llm_keys[] = {
    {"paddleocr.block_count", u32, 0, required, 1, most_layers},
    {"paddleocr.context_length", u32, 0, required, 1, most_context},
    {"paddleocr.embedding_length", u32, 0, required, 1, most_embd},
    {"paddleocr.feed_forward_length", u32, 0, required, 1, most_ff},
    {"paddleocr.attention.head_count", u32, 0, required, 1, most_heads},
    {"paddleocr.attention.head_count_kv", u32, 0, optional, 1, most_heads},
    {"paddleocr.attention.key_length", u32, 0, optional, 2, most_head_size},
    {"paddleocr.attention.value_length", u32, 0, optional, 2, most_head_size},
    {"paddleocr.attention.layer_norm_rms_epsilon", f32, 0, required, 1e-12, 1},
    {"paddleocr.rope.dimension_count", u32, 0, optional, 2, most_head_size},
    {"paddleocr.rope.dimension_sections", i32, 4, required, 0, most_head_size / 2},
    {"paddleocr.rope.freq_base", f32, 0, required, 1, 1e12},
    {"paddleocr.vocab_size", u32, 0, optional, 1, most_tokens},
    {"tokenizer.ggml.model", string, 0, required, 0, 0},
    {"tokenizer.ggml.pre", string, 0, optional, 0, 0},
    {"tokenizer.ggml.tokens", string, any, required, 0, 0},
    {"tokenizer.ggml.scores", f32, any, required, -1e30, 1e30},
    {"tokenizer.ggml.token_type", i32, any, required, 1, 6},
    {"tokenizer.ggml.token_type_count", u32, 0, optional, 0, 1e6},
    {"tokenizer.ggml.suppress_tokens", i32, any, optional, 0, most_tokens},
    {"tokenizer.ggml.add_bos_token", boolean, 0, optional, 0, 1},
    {"tokenizer.ggml.add_eos_token", boolean, 0, optional, 0, 1},
    {"tokenizer.ggml.add_sep_token", boolean, 0, optional, 0, 1},
    {"tokenizer.ggml.add_space_prefix", boolean, 0, optional, 0, 1},
    {"tokenizer.ggml.remove_extra_whitespaces", boolean, 0, optional, 0, 1},
    {"tokenizer.ggml.normalizer.lowercase", boolean, 0, optional, 0, 1},
    {"tokenizer.ggml.normalizer.strip_accents", boolean, 0, optional, 0, 1},
    {"tokenizer.chat_template", string, 0, optional, 0, 0},
};

constexpr const char *token_id_keys[] = {
    "tokenizer.ggml.bos_token_id",     "tokenizer.ggml.eos_token_id",
    "tokenizer.ggml.eot_token_id",     "tokenizer.ggml.eom_token_id",
    "tokenizer.ggml.unknown_token_id", "tokenizer.ggml.seperator_token_id",
    "tokenizer.ggml.padding_token_id", "tokenizer.ggml.cls_token_id",
    "tokenizer.ggml.mask_token_id",    "tokenizer.ggml.fim_pre_token_id",
    "tokenizer.ggml.fim_suf_token_id", "tokenizer.ggml.fim_mid_token_id",
    "tokenizer.ggml.fim_pad_token_id", "tokenizer.ggml.fim_rep_token_id",
    "tokenizer.ggml.fim_sep_token_id", "tokenizer.ggml.prefix_token_id",
    "tokenizer.ggml.suffix_token_id",  "tokenizer.ggml.middle_token_id",
};

// Encoder. clip.cpp holds a picture of 784 tokens twice while it loads, 24 * (56 * patch_size)^2
// bytes. Each width is a row of so many floats for each patch of a picture.
constexpr double most_patch_size = 32;    // pixels (14)
constexpr double most_vision_embd = 4096; // (1152)
constexpr double most_vision_ff = 16384;  // (4304)
constexpr double most_vision_layers = 64; // (27); clip.cpp's graph has 8192 nodes
constexpr double most_vision_heads = 32;  // (16)
// Of one image token 2x2 patches are merged into. A picture is enlarged to the lower limit, however
// small it is.
constexpr int64_t most_least_tokens = 1024;  // (188)
constexpr int64_t most_image_tokens = 16384; // (3600)
constexpr double most_pixels = most_image_tokens * 4 * most_patch_size * most_patch_size;

constexpr KeyRule mmproj_keys[] = {
    {"clip.has_vision_encoder", boolean, 0, required, 1, 1},
    {"clip.has_audio_encoder", boolean, 0, optional, 0, 0},
    {"clip.has_gen_audio_encoder", boolean, 0, optional, 0, 0},
    {"clip.projector_type", string, 0, optional, 0, 0},
    {"clip.vision.projector_type", string, 0, optional, 0, 0},
    {"clip.use_gelu", boolean, 0, required, 1, 1},
    {"clip.use_silu", boolean, 0, optional, 0, 0},
    {"clip.vision.image_size", u32, 0, required, 0, 8192},
    {"clip.vision.patch_size", u32, 0, required, 8, most_patch_size},
    {"clip.vision.embedding_length", u32, 0, required, 4, most_vision_embd},
    {"clip.vision.feed_forward_length", u32, 0, required, 1, most_vision_ff},
    {"clip.vision.block_count", u32, 0, required, 1, most_vision_layers},
    {"clip.vision.projection_dim", u32, 0, required, 1, most_embd},
    {"clip.vision.attention.head_count", u32, 0, required, 1, most_vision_heads},
    {"clip.vision.attention.layer_norm_epsilon", f32, 0, required, 1e-12, 1},
    {"clip.vision.image_mean", f32, 3, required, -1000, 1000},
    {"clip.vision.image_std", f32, 3, required, 1e-6, 1000},
    {"clip.vision.image_min_pixels", u32, 0, required, 1, most_pixels},
    {"clip.vision.image_max_pixels", u32, 0, required, 1, most_pixels},
    {"clip.vision.spatial_merge_size", u32, 0, optional, 2, 2},
};

constexpr const char *tasks[] = {"ocr", "table", "formula", "chart", "spotting", "seal"};

/// Keys that llama.cpp would act on in ways that no PaddleOCR-VL file needs (experts, rope scaling,
/// split files, ...) lead to code that is neither checked here nor meant for this model.
template <size_t n>
void refuse_other_keys(const GgufFile &file, const char *prefix, const KeyRule (&known)[n],
                       Problems &problems) {
  std::unordered_set<std::string_view> names;
  for (const KeyRule &rule : known) {
    names.insert(rule.key);
  }
  for (const auto &entry : file.metadata) {
    const std::string &key = entry.first;
    const bool foreign = key.rfind(prefix, 0) == 0 && names.count(key) == 0;
    if (foreign || key.rfind("split.", 0) == 0 || key.rfind("general.tensor_extra.", 0) == 0) {
      problems.add("key " + in_quotes(key) + " is not supported for this model");
    }
  }
}

// ---- tensors -------------------------------------------------------------------------------

// NOLINTNEXTLINE(cppcoreguidelines-use-enum-class): indexes the arrays of sizes
enum Dim { one, embd, ff, vocab, q, kv, qkv, patch, channels, grid, merged, projected, n_dims };

enum class Types { matrix, image_kernel, only_f32 };

enum class Need {
  always,
  tied,  // may be left out: the embedding then serves in its place
  split, // unless the layer has the fused q/k/v tensors
  fused, // where the layer has them
};

/// A tensor by name; "%d" stands for the layer, for which the rule is repeated.
struct TensorRule {
  const char *name;
  Dim shape[4];
  Types types;
  Need need;
};

// Names and shapes: llama.cpp's src/models/ernie4-5.cpp (LLM) and tools/mtmd/clip.cpp with
// models/paddleocr.cpp (mmproj). Biases, norms and positions must be F32 for ggml's elementwise
// operations.
constexpr TensorRule llm_tensors[] = {
    {"token_embd.weight", {embd, vocab}, Types::matrix, Need::always},
    {"output.weight", {embd, vocab}, Types::matrix, Need::tied},
    {"output_norm.weight", {embd}, Types::only_f32, Need::always},
    {"blk.%d.attn_norm.weight", {embd}, Types::only_f32, Need::always},
    {"blk.%d.attn_qkv.weight", {embd, qkv}, Types::matrix, Need::fused},
    {"blk.%d.attn_q.weight", {embd, q}, Types::matrix, Need::split},
    {"blk.%d.attn_k.weight", {embd, kv}, Types::matrix, Need::split},
    {"blk.%d.attn_v.weight", {embd, kv}, Types::matrix, Need::split},
    {"blk.%d.attn_output.weight", {q, embd}, Types::matrix, Need::always},
    {"blk.%d.ffn_norm.weight", {embd}, Types::only_f32, Need::always},
    {"blk.%d.ffn_gate.weight", {embd, ff}, Types::matrix, Need::always},
    {"blk.%d.ffn_up.weight", {embd, ff}, Types::matrix, Need::always},
    {"blk.%d.ffn_down.weight", {ff, embd}, Types::matrix, Need::always},
};

constexpr TensorRule mmproj_tensors[] = {
    {"v.patch_embd.weight", {patch, patch, channels, embd}, Types::image_kernel, Need::always},
    {"v.patch_embd.bias", {embd}, Types::only_f32, Need::always},
    {"v.position_embd.weight", {embd, grid}, Types::only_f32, Need::always},
    {"v.blk.%d.ln1.weight", {embd}, Types::only_f32, Need::always},
    {"v.blk.%d.ln1.bias", {embd}, Types::only_f32, Need::always},
    {"v.blk.%d.attn_qkv.weight", {embd, qkv}, Types::matrix, Need::fused},
    {"v.blk.%d.attn_qkv.bias", {qkv}, Types::only_f32, Need::fused},
    {"v.blk.%d.attn_q.weight", {embd, embd}, Types::matrix, Need::split},
    {"v.blk.%d.attn_q.bias", {embd}, Types::only_f32, Need::split},
    {"v.blk.%d.attn_k.weight", {embd, embd}, Types::matrix, Need::split},
    {"v.blk.%d.attn_k.bias", {embd}, Types::only_f32, Need::split},
    {"v.blk.%d.attn_v.weight", {embd, embd}, Types::matrix, Need::split},
    {"v.blk.%d.attn_v.bias", {embd}, Types::only_f32, Need::split},
    {"v.blk.%d.attn_out.weight", {embd, embd}, Types::matrix, Need::always},
    {"v.blk.%d.attn_out.bias", {embd}, Types::only_f32, Need::always},
    {"v.blk.%d.ln2.weight", {embd}, Types::only_f32, Need::always},
    {"v.blk.%d.ln2.bias", {embd}, Types::only_f32, Need::always},
    {"v.blk.%d.ffn_up.weight", {embd, ff}, Types::matrix, Need::always},
    {"v.blk.%d.ffn_up.bias", {ff}, Types::only_f32, Need::always},
    {"v.blk.%d.ffn_down.weight", {ff, embd}, Types::matrix, Need::always},
    {"v.blk.%d.ffn_down.bias", {embd}, Types::only_f32, Need::always},
    {"v.post_ln.weight", {embd}, Types::only_f32, Need::always},
    {"v.post_ln.bias", {embd}, Types::only_f32, Need::always},
    {"mm.input_norm.weight", {embd}, Types::only_f32, Need::always},
    {"mm.input_norm.bias", {embd}, Types::only_f32, Need::always},
    {"mm.1.weight", {merged, merged}, Types::matrix, Need::always},
    {"mm.1.bias", {merged}, Types::only_f32, Need::always},
    {"mm.2.weight", {merged, projected}, Types::matrix, Need::always},
    {"mm.2.bias", {projected}, Types::only_f32, Need::always},
};

/// The types that ggml's CPU backend can both multiply with and take rows from; it aborts on
/// others. NVFP4 is left out: it needs scale tensors beside it.
bool is_matrix_type(int32_t type) {
  switch (type) {
  case GGML_TYPE_F32:
  case GGML_TYPE_F16:
  case GGML_TYPE_BF16:
  case GGML_TYPE_Q1_0:
  case GGML_TYPE_Q2_0:
  case GGML_TYPE_Q4_0:
  case GGML_TYPE_Q4_1:
  case GGML_TYPE_Q5_0:
  case GGML_TYPE_Q5_1:
  case GGML_TYPE_Q8_0:
  case GGML_TYPE_MXFP4:
  case GGML_TYPE_Q2_K:
  case GGML_TYPE_Q3_K:
  case GGML_TYPE_Q4_K:
  case GGML_TYPE_Q5_K:
  case GGML_TYPE_Q6_K:
  case GGML_TYPE_IQ1_S:
  case GGML_TYPE_IQ1_M:
  case GGML_TYPE_IQ2_XXS:
  case GGML_TYPE_IQ2_XS:
  case GGML_TYPE_IQ2_S:
  case GGML_TYPE_IQ3_XXS:
  case GGML_TYPE_IQ3_S:
  case GGML_TYPE_IQ4_NL:
  case GGML_TYPE_IQ4_XS:
  case GGML_TYPE_TQ1_0:
  case GGML_TYPE_TQ2_0:
    return true;
  default:
    return false;
  }
}

bool is_allowed(Types types, int32_t type) {
  switch (types) {
  case Types::matrix:
    return is_matrix_type(type);
  case Types::image_kernel:
    return type == GGML_TYPE_F32 || type == GGML_TYPE_F16;
  case Types::only_f32:
    return type == GGML_TYPE_F32;
  }
  return false;
}

using Shape = std::array<int64_t, 4>;

std::string layer_name(const std::string &pattern, int64_t layer) {
  const size_t place = pattern.find("%d");
  return place == std::string::npos
             ? pattern
             : pattern.substr(0, place) + std::to_string(layer) + pattern.substr(place + 2);
}

/// Compares the file's tensors with the table, both ways.
class TensorCheck {
public:
  TensorCheck(const GgufFile &file, const std::array<int64_t, n_dims> &dims, const char *fused_name,
              Problems &problems)
      : file_(file), dims_(dims), fused_name_(fused_name), problems_(problems) {}

  template <size_t n> void run(const TensorRule (&rules)[n], int64_t n_layer) {
    for (const TensorRule &rule : rules) {
      const bool repeated = std::string_view(rule.name).find("%d") != std::string_view::npos;
      for (int64_t layer = 0; layer < (repeated ? n_layer : 1); ++layer) {
        check(rule, layer);
      }
    }
    for (const GgufTensor &tensor : file_.tensors) {
      if (expected_.count(tensor.name) == 0) {
        problems_.add("unexpected tensor " + in_quotes(tensor.name));
      }
    }
  }

private:
  void check(const TensorRule &rule, int64_t layer) {
    const bool is_fused = file_.find_tensor(layer_name(fused_name_, layer)) != nullptr;
    if ((rule.need == Need::split && is_fused) || (rule.need == Need::fused && !is_fused)) {
      return;
    }
    const std::string name = layer_name(rule.name, layer);
    expected_.insert(name);
    const GgufTensor *tensor = file_.find_tensor(name);
    if (tensor == nullptr) {
      if (rule.need != Need::tied) {
        problems_.add("tensor '" + name + "' is missing");
      }
      return;
    }
    Shape shape{};
    for (size_t i = 0; i < shape.size(); ++i) {
      shape[i] = dims_[rule.shape[i]];
    }
    if (tensor->shape != shape) {
      problems_.add("tensor '" + name + "' is " + shape_text(tensor->shape) + " instead of " +
                    shape_text(shape));
    } else if (!is_allowed(rule.types, tensor->type)) {
      problems_.add("tensor '" + name + "' cannot be of type " + tensor_type_name(tensor->type));
    }
  }

  const GgufFile &file_;
  const std::array<int64_t, n_dims> &dims_;
  std::string fused_name_;
  Problems &problems_;
  std::unordered_set<std::string> expected_;
};

// ---- vocabulary ----------------------------------------------------------------------------

// What the prompt is made of, and what ends the answer.
constexpr const char *needed_tokens[] = {
    "<|begin_of_sentence|>", "<|IMAGE_START|>", "<|IMAGE_PLACEHOLDER|>", "<|IMAGE_END|>", "</s>",
};
constexpr int32_t byte_token_type = 6;

std::string byte_token(unsigned value) {
  constexpr const char *hex = "0123456789ABCDEF";
  return std::string("<0x") + hex[value / 16] + hex[value % 16] + ">";
}

void check_byte_tokens(const std::unordered_set<std::string> &byte_texts, Problems &problems) {
  std::string first;
  size_t missing = 0;
  for (unsigned value = 0; value < 256; ++value) {
    // A missing one makes llama.cpp throw on the first text that needs it.
    if (byte_texts.count(byte_token(value)) == 0) {
      first = missing++ == 0 ? byte_token(value) : first;
    }
  }
  if (missing > 0) {
    problems.add("the vocabulary misses the byte token '" + first + "'" +
                 (missing > 1 ? " and " + std::to_string(missing - 1) + " others" : ""));
  }
  if (byte_texts.size() > 256 - missing) {
    problems.add("the vocabulary has byte tokens that are not '<0x00>' to '<0xFF>'");
  }
}

void check_vocabulary(const GgufFile &file, Problems &problems) {
  const std::string model = key_text(file, "tokenizer.ggml.model");
  if (model != "llama") {
    problems.add("the tokenizer is " + in_quotes(model) + " instead of 'llama'");
  }
  const std::vector<std::string> &tokens = file.find("tokenizer.ggml.tokens")->strings;
  if (static_cast<double>(tokens.size()) > most_tokens) {
    problems.add("the vocabulary has " + std::to_string(tokens.size()) + " tokens, more than " +
                 number_text(most_tokens));
    return;
  }
  const GgufValue &types = *file.find("tokenizer.ggml.token_type");
  const size_t n_scores = file.find("tokenizer.ggml.scores")->count();
  if (tokens.empty() || n_scores != tokens.size() || types.count() != tokens.size()) {
    problems.add("the vocabulary has " + std::to_string(tokens.size()) + " tokens, " +
                 std::to_string(n_scores) + " scores and " + std::to_string(types.count()) +
                 " token types");
    return;
  }
  std::unordered_set<std::string> texts;
  std::unordered_set<std::string> byte_texts;
  for (size_t id = 0; id < tokens.size(); ++id) {
    // As llama.cpp sees it, up to a NUL; it asserts that the texts differ.
    std::string seen = tokens[id].substr(0, tokens[id].find('\0'));
    if (seen.empty()) {
      seen = "[EMPTY_" + std::to_string(id) + "]";
    }
    if (types.get<int32_t>(id) == byte_token_type) {
      byte_texts.insert(seen);
    }
    if (!texts.insert(std::move(seen)).second) {
      problems.add("token " + std::to_string(id) + " " + in_quotes(tokens[id]) +
                   " occurs twice in the vocabulary");
      return;
    }
  }
  check_byte_tokens(byte_texts, problems);
  for (const char *needed : needed_tokens) {
    if (texts.count(needed) == 0) {
      problems.add(std::string("the vocabulary misses the token '") + needed + "'");
    }
  }
  for (const char *key : token_id_keys) {
    const GgufValue *value = file.find(key);
    if (value != nullptr && value->get<uint32_t>() >= tokens.size()) {
      problems.add(std::string("key '") + key + "' is " + std::to_string(value->get<uint32_t>()) +
                   ", but there are " + std::to_string(tokens.size()) + " tokens");
    }
  }
  const auto n_tokens = static_cast<int64_t>(tokens.size());
  if (key_integer(file, "paddleocr.vocab_size", n_tokens) != n_tokens) {
    problems.add("key 'paddleocr.vocab_size' is not the number of tokens");
  }
}

// ---- the two files -------------------------------------------------------------------------

void check_llm_numbers(const GgufFile &file, int64_t n_head, int64_t n_head_kv, int64_t head_dim,
                       Problems &problems) {
  if (head_dim % 2 != 0) {
    problems.add("the head size " + std::to_string(head_dim) + " is odd");
  }
  if (n_head % n_head_kv != 0) {
    problems.add(std::to_string(n_head) + " attention heads cannot share " +
                 std::to_string(n_head_kv) + " key/value heads");
  }
  for (const char *key : {"paddleocr.attention.value_length", "paddleocr.rope.dimension_count"}) {
    if (key_integer(file, key, head_dim) != head_dim) {
      problems.add(std::string("key '") + key + "' is not the head size " +
                   std::to_string(head_dim));
    }
  }
  const GgufValue &sections = *file.find("paddleocr.rope.dimension_sections");
  int64_t sum = 0;
  for (size_t i = 0; i < sections.count(); ++i) {
    sum += sections.get<int32_t>(i);
  }
  if (sections.get<int32_t>(3) != 0) {
    problems.add("the rope sections have a fourth axis; images have time, row and column");
  }
  if (sum != head_dim / 2) {
    problems.add("the rope sections add up to " + std::to_string(sum) + " instead of " +
                 std::to_string(head_dim / 2));
  }
}

/// A token's keys and values, of all layers: the cache holds thousands of tokens before the first
/// step. Above a small number it follows the weights, which are many times as large in any model.
void check_cache(const GgufFile &file, int64_t n_head_kv, int64_t head_dim, Problems &problems) {
  constexpr uint64_t always_allowed = 1 << 13; // (18 layers of 2 heads of 128: 4608)
  constexpr uint64_t file_bytes_for_one = 1 << 12;
  const int64_t numbers = key_integer(file, "paddleocr.block_count") * n_head_kv * head_dim;
  const uint64_t most = std::max(always_allowed, file.size / file_bytes_for_one);
  if (static_cast<uint64_t>(numbers) > most) {
    problems.add("the KV cache would take " + std::to_string(numbers) +
                 " keys for each token, more than the " + std::to_string(most) +
                 " that a file of this size may ask for");
  }
}

void check_version(const GgufFile &file, Problems &problems) {
  const std::string version = key_text(file, "ppocrvl.model_version");
  if (!version.empty() && version != "1.0" && version != "1.5" && version != "1.6") {
    problems.add("key 'ppocrvl.model_version' is " + in_quotes(version) +
                 "; known are 1.0, 1.5 and 1.6");
  }
}

void check_role(const GgufFile &file, ModelRole wanted) {
  const ModelRole role = model_role(file);
  if (role == wanted) {
    return;
  }
  if (role == ModelRole::mmproj) {
    throw Error(ErrorKind::model_mismatch,
                file.path + ": this is the mmproj (vision) file; it was given as the LLM; give it "
                            "as mmproj, and the other .gguf file as the model");
  }
  if (role == ModelRole::llm) {
    throw Error(ErrorKind::model_mismatch,
                file.path + ": this is the LLM file; it was given as the mmproj; give it as the "
                            "model, and the mmproj-*.gguf file as mmproj");
  }
  if (role == ModelRole::layout) {
    throw Error(ErrorKind::model_mismatch,
                file.path + ": this is a layout model's file; it was given as a part of the "
                            "language model; give it as the layout model");
  }
  const std::string architecture = file.architecture();
  throw Error(ErrorKind::model_format,
              file.path + ": not a PaddleOCR-VL file: " +
                  (architecture.empty() ? "it names no architecture"
                                        : "its architecture is " + in_quotes(architecture)) +
                  "; give the two files of a PaddleOCR-VL model");
}

int64_t head_size(const GgufFile &file) {
  const int64_t n_head = key_integer(file, "paddleocr.attention.head_count");
  return key_integer(file, "paddleocr.attention.key_length",
                     key_integer(file, "paddleocr.embedding_length") / n_head);
}

void check_token_id_keys(const GgufFile &file, Problems &problems) {
  for (const char *key : token_id_keys) {
    check_key(file, {key, u32, 0, optional, 0, most_tokens}, problems);
  }
}

struct PixelKeys {
  std::string of;
  std::string least;
  std::string most;
};

std::vector<PixelKeys> pixel_keys_of_tasks() {
  std::vector<PixelKeys> all;
  for (const char *task : tasks) {
    const std::string prefix = std::string("ppocrvl.task.") + task;
    all.push_back(
        {std::string("task '") + task + "'", prefix + ".min_pixels", prefix + ".max_pixels"});
  }
  return all;
}

void check_task_keys(const GgufFile &file, Problems &problems) {
  for (const PixelKeys &keys : pixel_keys_of_tasks()) {
    for (const std::string &key : {keys.least, keys.most}) {
      check_key(file, {key.c_str(), u32, 0, optional, 1, most_pixels}, problems);
    }
  }
}

void check_most_tokens(const GgufFile &file, const std::string &key, int64_t n_tokens,
                       Problems &problems) {
  const int64_t patch_size = key_integer(file, "clip.vision.patch_size");
  const int64_t token_pixels = 4 * patch_size * patch_size;
  const int64_t n_pixels = key_integer(file, key.c_str());
  if (n_pixels > n_tokens * token_pixels) {
    problems.add("key '" + key + "' is " + std::to_string(n_pixels) + ", more than " +
                 std::to_string(n_tokens) + " image tokens of " + std::to_string(token_pixels) +
                 " pixels");
  }
}

/// The sizes that pictures are brought to, where the file has them.
void check_pixels(const GgufFile &file, const PixelKeys &keys, Problems &problems) {
  const GgufValue *least = file.find(keys.least);
  const GgufValue *most = file.find(keys.most);
  if (least == nullptr && most == nullptr) {
    return;
  }
  if (least == nullptr || most == nullptr || least->number() > most->number()) {
    problems.add("the pixel limits of " + keys.of + " do not form a range");
    return;
  }
  check_most_tokens(file, keys.least, most_least_tokens, problems);
  check_most_tokens(file, keys.most, most_image_tokens, problems);
}

/// Rows of the encoder's FFN: as the file's key says, or zero-padded for block quantization, which
/// leaves the result unchanged (by less than the largest block, 256).
int64_t vision_ff(const GgufFile &file) {
  const int64_t plain = key_integer(file, "clip.vision.feed_forward_length");
  const GgufTensor *up = file.find_tensor("v.blk.0.ffn_up.weight");
  const int64_t rows = up == nullptr ? plain : up->shape[1];
  return rows >= plain && rows < plain + 256 ? rows : plain;
}

void check_vision_numbers(const GgufFile &file, Problems &problems) {
  const int64_t n_embd = key_integer(file, "clip.vision.embedding_length");
  const int64_t n_head = key_integer(file, "clip.vision.attention.head_count");
  // Rotary positions rotate half of each head, in pairs.
  if (n_embd % n_head != 0 || (n_embd / n_head) % 4 != 0) {
    problems.add("an embedding of " + std::to_string(n_embd) + " cannot be split into " +
                 std::to_string(n_head) + " heads of a multiple of 4");
  }
}

/// The number of position embeddings, which must form a square; the nearest square otherwise.
int64_t position_grid(const GgufFile &file) {
  const GgufTensor *positions = file.find_tensor("v.position_embd.weight");
  const double rows = positions == nullptr ? 1.0 : static_cast<double>(positions->shape[1]);
  const auto side = static_cast<int64_t>(std::llround(std::sqrt(rows)));
  return side * side;
}

} // namespace

ModelRole model_role(const GgufFile &file) {
  const std::string architecture = file.architecture();
  if (architecture == "paddleocr") {
    return ModelRole::llm;
  }
  if (architecture == layout_architecture) {
    return ModelRole::layout;
  }
  return architecture == "clip" ? ModelRole::mmproj : ModelRole::other;
}

const char *model_role_name(ModelRole role) noexcept {
  switch (role) {
  case ModelRole::llm:
    return "llm";
  case ModelRole::mmproj:
    return "mmproj";
  case ModelRole::layout:
    return "layout";
  case ModelRole::other:
    break;
  }
  return "other";
}

void check_llm(const GgufFile &file) {
  check_role(file, ModelRole::llm);
  Problems problems(file);
  check_keys(file, common_keys, problems);
  check_keys(file, llm_keys, problems);
  check_token_id_keys(file, problems);
  refuse_other_keys(file, "paddleocr.", llm_keys, problems);
  problems.throw_if_any(); // the rest relies on these

  const int64_t n_head = key_integer(file, "paddleocr.attention.head_count");
  const int64_t n_head_kv = key_integer(file, "paddleocr.attention.head_count_kv", n_head);
  const int64_t head_dim = head_size(file);
  check_version(file, problems);
  check_llm_numbers(file, n_head, n_head_kv, head_dim, problems);
  check_cache(file, n_head_kv, head_dim, problems);
  check_vocabulary(file, problems);

  std::array<int64_t, n_dims> dims{};
  dims[one] = 1;
  dims[embd] = key_integer(file, "paddleocr.embedding_length");
  dims[ff] = key_integer(file, "paddleocr.feed_forward_length");
  dims[vocab] = static_cast<int64_t>(file.find("tokenizer.ggml.tokens")->count());
  dims[q] = n_head * head_dim;
  dims[kv] = n_head_kv * head_dim;
  dims[qkv] = dims[q] + 2 * dims[kv];
  TensorCheck(file, dims, "blk.%d.attn_qkv.weight", problems)
      .run(llm_tensors, key_integer(file, "paddleocr.block_count"));
  problems.throw_if_any();
}

void check_mmproj(const GgufFile &file) {
  check_role(file, ModelRole::mmproj);
  Problems problems(file);
  check_keys(file, common_keys, problems);
  check_keys(file, mmproj_keys, problems);
  refuse_other_keys(file, "clip.", mmproj_keys, problems);
  check_task_keys(file, problems);
  problems.throw_if_any();

  std::string projector = key_text(file, "clip.projector_type");
  if (projector.empty()) {
    projector = key_text(file, "clip.vision.projector_type");
  }
  if (projector != "paddleocr") {
    problems.add("its projector is " + in_quotes(projector) + " instead of 'paddleocr'");
  }
  check_version(file, problems);
  check_vision_numbers(file, problems);
  check_pixels(file, {"the file", "clip.vision.image_min_pixels", "clip.vision.image_max_pixels"},
               problems);
  for (const PixelKeys &keys : pixel_keys_of_tasks()) {
    check_pixels(file, keys, problems);
  }

  std::array<int64_t, n_dims> dims{};
  dims[one] = 1;
  dims[embd] = key_integer(file, "clip.vision.embedding_length");
  dims[ff] = vision_ff(file);
  dims[qkv] = 3 * dims[embd];
  dims[patch] = key_integer(file, "clip.vision.patch_size");
  dims[channels] = 3;
  dims[grid] = position_grid(file);
  dims[merged] = 4 * dims[embd]; // 2x2 patches are merged into one token
  dims[projected] = key_integer(file, "clip.vision.projection_dim");
  TensorCheck(file, dims, "v.blk.%d.attn_qkv.weight", problems)
      .run(mmproj_tensors, key_integer(file, "clip.vision.block_count"));
  problems.throw_if_any();
}

void check_pair(const GgufFile &llm, const GgufFile &mmproj) {
  check_llm(llm);
  check_mmproj(mmproj);
  const std::string both = llm.path + " and " + mmproj.path + " do not belong together: ";
  const char *advice = "; use the two files of one model";
  const int64_t wanted = key_integer(llm, "paddleocr.embedding_length");
  const int64_t given = key_integer(mmproj, "clip.vision.projection_dim");
  if (wanted != given) {
    throw Error(ErrorKind::model_mismatch,
                both + "the LLM takes embeddings of " + std::to_string(wanted) +
                    " numbers, the mmproj makes " + std::to_string(given) + advice);
  }
  for (const char *key : {"ppocrvl.model_version", "ppocrvl.source.sha256"}) {
    const std::string ours = key_text(llm, key);
    const std::string theirs = key_text(mmproj, key);
    if (!ours.empty() && !theirs.empty() && ours != theirs) {
      throw Error(ErrorKind::model_mismatch, both + "key '" + key + "' is " + in_quotes(ours) +
                                                 " in one, " + in_quotes(theirs) + " in the other" +
                                                 advice);
    }
  }
}

} // namespace ppocrvl
