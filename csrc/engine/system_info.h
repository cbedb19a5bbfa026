// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
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

struct Device {
  std::string name;
  std::string description;
  std::string kind;               // "cpu", "gpu", "igpu" or "accelerator"
  std::uint64_t memory_total = 0; // bytes
  std::uint64_t memory_free = 0;
};

BuildInfo build_info();

/// Devices of all backends that are compiled in and found.
std::vector<Device> list_devices();

/// Instruction sets that ggml's CPU backend was compiled for, e.g. "AVX2".
std::vector<std::string> cpu_features();

/// Kernels of the vision encoder that this CPU can run, the fastest first.
std::vector<std::string> vision_kernels();

} // namespace ppocrvl
