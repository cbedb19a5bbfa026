// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace ppocrvl {

struct GgufFile;

/// What the two files say about the model.
struct ModelInfo {
  std::string architecture;
  std::string model_version; // "1.0", "1.5" or "1.6"
  int n_vocab = 0;
  int n_embd = 0;
  int n_layer = 0;
  int n_ctx_train = 0;
  int max_lines = 0;              // of text in a picture that it reads at once; 0 for no limit
  std::vector<std::string> tasks; // that it was trained for; empty: every one
  int patch_size = 0;
  int merge_size = 0;
  std::array<float, 3> image_mean{};
  std::array<float, 3> image_std{};
  int min_pixels = 0; // of the resized picture
  int max_pixels = 0;
  std::map<std::string, std::pair<int, int>>
      task_pixels;             // task -> (min, max), where the file has them
  std::uint64_t llm_bytes = 0; // file sizes
  std::uint64_t mmproj_bytes = 0;

  [[nodiscard]] int token_side() const { return patch_size * merge_size; } // pixels
};

/// Reads the facts out of two files that passed the model check.
/// Throws ErrorKind::model_format for a value that no model can have.
ModelInfo describe_model(const GgufFile &llm, const GgufFile &mmproj);

} // namespace ppocrvl
