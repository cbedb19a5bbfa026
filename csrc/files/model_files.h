// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "files/gguf_file.h"
#include "files/model_info.h"

#include <string>

namespace ppocrvl {

/// The headers of a model's two files, which passed the model check, and what they say.
struct ModelFiles {
  GgufFile llm;
  GgufFile mmproj;
  ModelInfo info;
};

/// Throws what `read_gguf`, `check_pair` and `describe_model` throw.
ModelFiles read_model_files(const std::string &llm, const std::string &mmproj);

} // namespace ppocrvl
