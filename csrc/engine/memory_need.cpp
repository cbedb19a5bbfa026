// SPDX-License-Identifier: Apache-2.0
#include "engine/memory_need.h"

#include "mtmd/vision_graph.h"

#include <algorithm>

namespace ppocrvl {
namespace {

constexpr std::uint64_t merge = 2;          // patches along each side of an image token
constexpr std::uint64_t context_step = 256; // libllama rounds a context up to it
constexpr std::uint64_t f32 = 4;            // bytes
constexpr std::uint64_t f16 = 2;

std::uint64_t context_of(std::uint64_t n_tokens) {
  return (n_tokens + context_step - 1) / context_step * context_step;
}

std::uint64_t n_slices(const VisionSizes &sizes, std::uint64_t scores,
                       std::uint64_t bytes_of_scores) {
  const std::uint64_t n_layer = std::max<std::uint64_t>(1, sizes.n_layer); // `inspect` asks too
  const auto most =
      static_cast<std::uint64_t>(most_attention_slices(static_cast<std::int64_t>(n_layer)));
  return bytes_of_scores == 0 ? 1 : std::clamp<std::uint64_t>(scores / bytes_of_scores, 1, most);
}

} // namespace

std::uint64_t kv_bytes(const LlmSizes &sizes, std::uint64_t n_tokens) {
  const std::uint64_t vectors = 2 * sizes.n_layer * sizes.n_head_kv * sizes.head_dim;
  return vectors * context_of(n_tokens) * (sizes.is_float32 ? f32 : f16);
}

std::uint64_t decoder_bytes(const LlmSizes &sizes, std::uint64_t n_tokens,
                            std::uint64_t batch_tokens) {
  const std::uint64_t context = context_of(n_tokens);
  const std::uint64_t rows = f32 * (2 * sizes.n_ff + 7 * sizes.n_embd);
  // The mask; without flash attention scores as well.
  const std::uint64_t attention =
      sizes.is_float32 ? f32 * (sizes.n_head + 1) * context : f16 * context;
  return batch_tokens * (rows + attention) + f32 * sizes.n_vocab;
}

std::uint64_t encoder_bytes(const VisionSizes &sizes, std::uint64_t n_patches,
                            std::uint64_t bytes_of_scores) {
  const std::uint64_t graph = n_patches * f32 * (sizes.n_ff + 4 * sizes.n_embd + 16);
  const std::uint64_t scores = f32 * sizes.n_head * n_patches * n_patches;
  const std::uint64_t attention =
      n_patches * f32 * 6 * sizes.n_embd + scores / n_slices(sizes, scores, bytes_of_scores);
  const std::uint64_t conversion = sizes.is_float32 ? 0 : f16 * sizes.n_ff;
  // 3 bytes a pixel, and three copies of it in float32; the image tokens made of them.
  const std::uint64_t image = sizes.patch_size * sizes.patch_size * 3 * (1 + 3 * f32) +
                              f32 * sizes.n_embd_out / (merge * merge);
  return std::max(graph, attention) + n_patches * (conversion + image);
}

} // namespace ppocrvl
