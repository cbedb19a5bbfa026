// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace ppocrvl {

/// Numbers in C order.
struct Array {
  std::vector<std::size_t> shape;
  std::vector<float> values;
};

/// What each stage of a request computed. For comparisons with the model's reference.
struct Trace {
  Array pixels;       // [height, width, 3], as the encoder gets them
  Array patches;      // [n_patches, hidden], with their position embedding
  Array encoded;      // [n_patches, hidden], after the encoder's last norm
  Array image_tokens; // [grid.tokens(), n_embd], the projector's output
  Array logits;       // [n_vocab], of the first token
  /// How long the vision graph's operations took, by what they are and the weight they use.
  std::map<std::string, double> operation_seconds;
};

} // namespace ppocrvl
