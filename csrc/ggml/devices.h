// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ggml-backend.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ppocrvl {

/// ggml's name for the CPU.
constexpr const char *host_device = "CPU";

/// A device that ggml found.
struct Device {
  std::string name; // ggml's, such as "CPU" or "Vulkan0"
  std::string description;
  std::string kind;               // "cpu", "gpu", "igpu" or "accelerator"
  std::uint64_t memory_total = 0; // bytes; 0 where the device does not tell
  std::uint64_t memory_free = 0;

  /// Whether a model can be put there, beside the CPU.
  [[nodiscard]] bool is_gpu() const { return kind == "gpu" || kind == "igpu"; }
};

/// Devices of all backends that are compiled in and found. May start their drivers.
std::vector<Device> list_devices();

/// ggml's device of exactly that name; null where it is gone.
ggml_backend_dev_t find_device(const std::string &name);

} // namespace ppocrvl
