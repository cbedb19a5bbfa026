// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace ppocrvl {

struct BuildInfo {
  std::string version;
  std::string llama_commit;
  std::string compiler;
  std::string build_type;
  std::string options;
};

BuildInfo build_info();

/// Instruction sets that ggml's CPU backend was compiled for, e.g. "AVX2".
std::vector<std::string> cpu_features();

/// Kernels of the vision encoder that this CPU can run, the fastest first.
std::vector<std::string> vision_kernels();

} // namespace ppocrvl
