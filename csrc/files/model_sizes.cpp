// SPDX-License-Identifier: Apache-2.0
#include "files/model_sizes.h"

#include "files/gguf_file.h"
#include "files/key_rules.h"
#include "ggml.h"

#include <string>

namespace ppocrvl {
namespace {

std::uint64_t size(const GgufFile &file, const char *key) {
  return static_cast<std::uint64_t>(key_integer(file, key));
}

std::uint64_t rows(const GgufFile &file, const char *matrix) {
  const GgufTensor *tensor = file.find_tensor(matrix);
  return tensor == nullptr ? 0 : static_cast<std::uint64_t>(tensor->shape[1]);
}

std::uint64_t weight_bytes(const GgufFile &file) {
  std::uint64_t bytes = 0;
  for (const GgufTensor &tensor : file.tensors) {
    bytes += tensor.n_bytes;
  }
  return bytes;
}

/// One matrix stands for all of a file: where one is F32, all are.
bool is_float32(const GgufFile &file, const char *matrix) {
  const GgufTensor *tensor = file.find_tensor(matrix);
  return tensor != nullptr && tensor->type == GGML_TYPE_F32;
}

} // namespace

LlmSizes llm_sizes(const GgufFile &llm) {
  const std::uint64_t n_embd = size(llm, "paddleocr.embedding_length");
  const std::uint64_t n_head = size(llm, "paddleocr.attention.head_count");
  const auto or_else = [&](const char *key, std::uint64_t fallback) {
    return static_cast<std::uint64_t>(key_integer(llm, key, static_cast<std::int64_t>(fallback)));
  };
  return {
      weight_bytes(llm),
      size(llm, "paddleocr.block_count"),
      n_embd,
      size(llm, "paddleocr.feed_forward_length"),
      n_head,
      or_else("paddleocr.attention.head_count_kv", n_head),
      or_else("paddleocr.attention.key_length", n_embd / n_head),
      rows(llm, "token_embd.weight"),
      is_float32(llm, "blk.0.ffn_up.weight"),
  };
}

VisionSizes vision_sizes(const GgufFile &mmproj) {
  constexpr const char *hidden = "v.blk.0.ffn_up.weight";
  return {
      weight_bytes(mmproj),
      size(mmproj, "clip.vision.block_count"),
      size(mmproj, "clip.vision.embedding_length"),
      size(mmproj, "clip.vision.attention.head_count"),
      rows(mmproj, hidden),
      size(mmproj, "clip.vision.projection_dim"),
      size(mmproj, "clip.vision.patch_size"),
      is_float32(mmproj, hidden),
  };
}

} // namespace ppocrvl
