// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vision/pixels.h"

#include <memory>
#include <vector>

namespace ppocrvl {

/// A picture as the language model takes it.
struct Embeddings {
  ImageGrid grid;
  std::vector<float> values; // [grid.tokens(), n_embd]
};
using EmbeddingsPtr = std::shared_ptr<const Embeddings>;

} // namespace ppocrvl
