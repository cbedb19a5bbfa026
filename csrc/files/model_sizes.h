// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace ppocrvl {

struct GgufFile;

/// What the language model's memory follows from; widths in elements.
struct LlmSizes {
  std::uint64_t weight_bytes = 0;
  std::uint64_t n_layer = 0;
  std::uint64_t n_embd = 0;
  std::uint64_t n_ff = 0;
  std::uint64_t n_head = 0;
  std::uint64_t n_head_kv = 0;
  std::uint64_t head_dim = 0;
  std::uint64_t n_vocab = 0;
  bool is_float32 = false;
};

/// What the vision encoder's memory follows from; widths in elements.
struct VisionSizes {
  std::uint64_t weight_bytes = 0;
  std::uint64_t n_layer = 0;
  std::uint64_t n_embd = 0;
  std::uint64_t n_head = 0;
  std::uint64_t n_ff = 0; // with the padding that block quantization needs
  std::uint64_t n_embd_out = 0;
  std::uint64_t patch_size = 0; // pixels
  bool is_float32 = false;
};

/// Of a file that passed the model check.
LlmSizes llm_sizes(const GgufFile &llm);

/// Of a file that passed the model check.
VisionSizes vision_sizes(const GgufFile &mmproj);

} // namespace ppocrvl
