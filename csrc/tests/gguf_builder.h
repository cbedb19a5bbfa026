// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "files/gguf_file.h"
#include "support/error.h"

#include <ggml.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace ppocrvl::tests {

/// Writes GGUF bytes for the tests: valid ones, and wrong ones after an edit of its members.
struct GgufBuilder {
  struct Tensor {
    std::string name;
    std::vector<int64_t> shape;
    int32_t type;
  };

  uint32_t version = 3;
  uint64_t alignment = 32;
  std::vector<std::pair<std::string, std::string>> keys; // key and encoded value, type included
  std::vector<Tensor> tensors;

  template <typename T> static std::string raw(T value) {
    return {reinterpret_cast<const char *>(&value), sizeof(T)};
  }
  static std::string raw_string(const std::string &text) {
    return raw(uint64_t{text.size()}) + text;
  }
  static std::string raw_type(GgufType type) { return raw(static_cast<uint32_t>(type)); }

  void set(const std::string &key, std::string encoded) {
    for (auto &entry : keys) {
      if (entry.first == key) {
        entry.second = std::move(encoded);
        return;
      }
    }
    keys.emplace_back(key, std::move(encoded));
  }
  void u32(const std::string &key, uint32_t value) {
    set(key, raw_type(GgufType::u32) + raw(value));
  }
  void f32(const std::string &key, float value) { set(key, raw_type(GgufType::f32) + raw(value)); }
  void boolean(const std::string &key, bool value) {
    set(key, raw_type(GgufType::boolean) + raw(uint8_t{value}));
  }
  void string(const std::string &key, const std::string &value) {
    set(key, raw_type(GgufType::string) + raw_string(value));
  }
  void ints(const std::string &key, const std::vector<int32_t> &values) {
    numbers(key, GgufType::i32, values);
  }
  void floats(const std::string &key, const std::vector<float> &values) {
    numbers(key, GgufType::f32, values);
  }
  void strings(const std::string &key, const std::vector<std::string> &values) {
    std::string encoded =
        raw_type(GgufType::array) + raw_type(GgufType::string) + raw(uint64_t{values.size()});
    for (const std::string &value : values) {
      encoded += raw_string(value);
    }
    set(key, encoded);
  }
  void remove_key(const std::string &key) {
    for (size_t i = 0; i < keys.size(); ++i) {
      if (keys[i].first == key) {
        keys.erase(keys.begin() + static_cast<std::ptrdiff_t>(i));
        return;
      }
    }
  }

  void tensor(const std::string &name, std::vector<int64_t> shape, int32_t type = GGML_TYPE_F32) {
    tensors.push_back({name, std::move(shape), type});
  }
  Tensor &at(const std::string &name) {
    for (Tensor &tensor : tensors) {
      if (tensor.name == name) {
        return tensor;
      }
    }
    throw std::runtime_error("no tensor " + name);
  }
  void remove_tensor(const std::string &name) {
    tensors.erase(tensors.begin() + (&at(name) - tensors.data()));
  }

  static uint64_t tensor_bytes(const Tensor &tensor) {
    uint64_t elements = 1;
    for (const int64_t extent : tensor.shape) {
      elements *= static_cast<uint64_t>(extent);
    }
    const auto type = static_cast<ggml_type>(tensor.type);
    return elements / static_cast<uint64_t>(ggml_blck_size(type)) * ggml_type_size(type);
  }
  [[nodiscard]] uint64_t padded(uint64_t size) const {
    return (size + alignment - 1) / alignment * alignment;
  }

  /// All that stands before the tensor data, without padding.
  [[nodiscard]] std::string header() const {
    std::string out =
        "GGUF" + raw(version) + raw(uint64_t{tensors.size()}) + raw(uint64_t{keys.size()});
    for (const auto &entry : keys) {
      out += raw_string(entry.first) + entry.second;
    }
    uint64_t offset = 0;
    for (const Tensor &tensor : tensors) {
      out += raw_string(tensor.name) + raw(static_cast<uint32_t>(tensor.shape.size()));
      for (const int64_t extent : tensor.shape) {
        out += raw(extent);
      }
      out += raw(tensor.type) + raw(offset);
      offset += padded(tensor_bytes(tensor));
    }
    return out;
  }

  [[nodiscard]] std::string bytes() const {
    std::string out = header();
    out.resize(padded(out.size()), '\0');
    for (const Tensor &tensor : tensors) {
      out.resize(padded(out.size()) + tensor_bytes(tensor), '\0');
    }
    return out;
  }

private:
  template <typename T>
  void numbers(const std::string &key, GgufType type, const std::vector<T> &values) {
    std::string encoded = raw_type(GgufType::array) + raw_type(type) + raw(uint64_t{values.size()});
    for (const T &value : values) {
      encoded += raw(value);
    }
    set(key, encoded);
  }
};

/// A file of these bytes in the temporary folder, removed at the end of its scope.
class TemporaryFile {
public:
  explicit TemporaryFile(const std::string &bytes) {
    static std::atomic<int> number{0};
    // The counter and the address tell apart files of one process and of two that run at once.
    path_ =
        std::filesystem::temp_directory_path() /
        ("ppocrvl-test-" + std::to_string(reinterpret_cast<uintptr_t>(&number)) + "-" +
         std::to_string(std::filesystem::file_time_type::clock::now().time_since_epoch().count()) +
         "-" + std::to_string(number++) + ".gguf");
    std::ofstream(path_, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  ~TemporaryFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  TemporaryFile(const TemporaryFile &) = delete;
  TemporaryFile &operator=(const TemporaryFile &) = delete;

  [[nodiscard]] std::string path() const { return path_.u8string(); }

private:
  std::filesystem::path path_;
};

inline GgufFile read_bytes(const std::string &bytes) {
  return read_gguf(TemporaryFile(bytes).path());
}

/// What the error of that kind thrown by `action` says, or what happened instead.
template <typename Action> std::string message_of(ErrorKind kind, Action action) {
  try {
    action();
  } catch (const Error &error) {
    return error.kind() == kind ? error.what() : std::string("another kind: ") + error.what();
  } catch (const std::exception &error) {
    return std::string("another exception: ") + error.what();
  }
  return "no error";
}

inline bool contains(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

inline std::vector<std::string> tiny_tokens() {
  constexpr const char *hex = "0123456789ABCDEF";
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
  for (unsigned value = 0; value < 256; ++value) {
    tokens.push_back(std::string("<0x") + hex[value / 16] + hex[value % 16] + ">");
  }
  for (const char *text : {
           "<|begin_of_sentence|>",
           "<|IMAGE_START|>",
           "<|IMAGE_PLACEHOLDER|>",
           "<|IMAGE_END|>",
           "a",
           "b",
           "ab",
           "",
       }) {
    tokens.emplace_back(text);
  }
  return tokens;
}

/// The smallest valid LLM file: 2 layers, 64 wide, 4 heads of 16, 2 key/value heads.
inline GgufBuilder tiny_llm() {
  constexpr int64_t n_embd = 64;
  constexpr int64_t n_ff = 96;
  const std::vector<std::string> tokens = tiny_tokens();
  const auto n_vocab = static_cast<int64_t>(tokens.size());
  std::vector<int32_t> types(tokens.size(), 1);
  types[0] = 2;
  for (size_t id = 3; id < 259; ++id) {
    types[id] = 6;
  }
  GgufBuilder builder;
  builder.string("general.architecture", "paddleocr");
  builder.u32("paddleocr.block_count", 2);
  builder.u32("paddleocr.context_length", 4096);
  builder.u32("paddleocr.embedding_length", n_embd);
  builder.u32("paddleocr.feed_forward_length", n_ff);
  builder.u32("paddleocr.attention.head_count", 4);
  builder.u32("paddleocr.attention.head_count_kv", 2);
  builder.u32("paddleocr.attention.key_length", 16);
  builder.u32("paddleocr.attention.value_length", 16);
  builder.f32("paddleocr.attention.layer_norm_rms_epsilon", 1e-5F);
  builder.f32("paddleocr.rope.freq_base", 500000.0F);
  builder.ints("paddleocr.rope.dimension_sections", {2, 3, 3, 0});
  builder.string("tokenizer.ggml.model", "llama");
  builder.strings("tokenizer.ggml.tokens", tokens);
  builder.floats("tokenizer.ggml.scores", std::vector<float>(tokens.size(), -1.0F));
  builder.ints("tokenizer.ggml.token_type", types);
  builder.u32("tokenizer.ggml.eos_token_id", 2);
  builder.tensor("token_embd.weight", {n_embd, n_vocab}, GGML_TYPE_Q8_0);
  builder.tensor("output.weight", {n_embd, n_vocab}, GGML_TYPE_BF16);
  builder.tensor("output_norm.weight", {n_embd});
  for (int layer = 0; layer < 2; ++layer) {
    const std::string block = "blk." + std::to_string(layer) + ".";
    builder.tensor(block + "attn_norm.weight", {n_embd});
    builder.tensor(block + "attn_q.weight", {n_embd, 64}, GGML_TYPE_BF16);
    builder.tensor(block + "attn_k.weight", {n_embd, 32}, GGML_TYPE_BF16);
    builder.tensor(block + "attn_v.weight", {n_embd, 32}, GGML_TYPE_BF16);
    builder.tensor(block + "attn_output.weight", {64, n_embd}, GGML_TYPE_BF16);
    builder.tensor(block + "ffn_norm.weight", {n_embd});
    builder.tensor(block + "ffn_gate.weight", {n_embd, n_ff}, GGML_TYPE_BF16);
    builder.tensor(block + "ffn_up.weight", {n_embd, n_ff}, GGML_TYPE_BF16);
    builder.tensor(block + "ffn_down.weight", {n_ff, n_embd}, GGML_TYPE_BF16);
  }
  return builder;
}

/// The smallest valid mmproj file: 2 layers, 32 wide, 4 heads of 8, patches of 14, 3 x 3 positions;
/// it fits tiny_llm().
inline GgufBuilder tiny_mmproj() {
  constexpr int64_t n_embd = 32;
  constexpr int64_t n_ff = 40;
  GgufBuilder builder;
  builder.string("general.architecture", "clip");
  builder.boolean("clip.has_vision_encoder", true);
  builder.boolean("clip.use_gelu", true);
  builder.string("clip.projector_type", "paddleocr");
  builder.u32("clip.vision.image_size", 1001);
  builder.u32("clip.vision.patch_size", 14);
  builder.u32("clip.vision.embedding_length", n_embd);
  builder.u32("clip.vision.feed_forward_length", n_ff);
  builder.u32("clip.vision.block_count", 2);
  builder.u32("clip.vision.projection_dim", 64);
  builder.u32("clip.vision.attention.head_count", 4);
  builder.f32("clip.vision.attention.layer_norm_epsilon", 1e-6F);
  builder.floats("clip.vision.image_mean", {0.5F, 0.5F, 0.5F});
  builder.floats("clip.vision.image_std", {0.5F, 0.5F, 0.5F});
  builder.u32("clip.vision.image_min_pixels", 112896);
  builder.u32("clip.vision.image_max_pixels", 1003520);
  builder.tensor("v.patch_embd.weight", {14, 14, 3, n_embd});
  builder.tensor("v.patch_embd.bias", {n_embd});
  builder.tensor("v.position_embd.weight", {n_embd, 9});
  for (int layer = 0; layer < 2; ++layer) {
    const std::string block = "v.blk." + std::to_string(layer) + ".";
    const auto linear = [&](const char *name, int64_t from, int64_t to) {
      builder.tensor(block + name + ".weight", {from, to}, GGML_TYPE_F16);
      builder.tensor(block + name + ".bias", {to});
    };
    for (const char *name : {"ln1", "ln2"}) {
      builder.tensor(block + name + ".weight", {n_embd});
      builder.tensor(block + name + ".bias", {n_embd});
    }
    for (const char *name : {"attn_q", "attn_k", "attn_v", "attn_out"}) {
      linear(name, n_embd, n_embd);
    }
    linear("ffn_up", n_embd, n_ff);
    linear("ffn_down", n_ff, n_embd);
  }
  for (const char *name : {"v.post_ln", "mm.input_norm"}) {
    builder.tensor(std::string(name) + ".weight", {n_embd});
    builder.tensor(std::string(name) + ".bias", {n_embd});
  }
  builder.tensor("mm.1.weight", {4 * n_embd, 4 * n_embd}, GGML_TYPE_F16);
  builder.tensor("mm.1.bias", {4 * n_embd});
  builder.tensor("mm.2.weight", {4 * n_embd, 64}, GGML_TYPE_F16);
  builder.tensor("mm.2.bias", {64});
  return builder;
}

} // namespace ppocrvl::tests
