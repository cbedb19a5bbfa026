// SPDX-License-Identifier: Apache-2.0
#include "ggml/devices.h"

#include <cstddef>

namespace ppocrvl {
namespace {

const char *kind_name(enum ggml_backend_dev_type type) {
  switch (type) {
  case GGML_BACKEND_DEVICE_TYPE_CPU:
    return "cpu";
  case GGML_BACKEND_DEVICE_TYPE_GPU:
    return "gpu";
  case GGML_BACKEND_DEVICE_TYPE_IGPU:
    return "igpu";
  default:
    return "accelerator";
  }
}

} // namespace

std::vector<Device> list_devices() {
  std::vector<Device> devices;
  for (std::size_t i = 0; i < ggml_backend_dev_count(); ++i) {
    ggml_backend_dev_t handle = ggml_backend_dev_get(i);
    std::size_t memory_free = 0;
    std::size_t memory_total = 0;
    ggml_backend_dev_memory(handle, &memory_free, &memory_total);
    devices.push_back({
        ggml_backend_dev_name(handle),
        ggml_backend_dev_description(handle),
        kind_name(ggml_backend_dev_type(handle)),
        memory_total,
        memory_free,
    });
  }
  return devices;
}

ggml_backend_dev_t find_device(const std::string &name) {
  for (std::size_t i = 0; i < ggml_backend_dev_count(); ++i) {
    ggml_backend_dev_t handle = ggml_backend_dev_get(i);
    if (name == ggml_backend_dev_name(handle)) {
      return handle;
    }
  }
  return nullptr;
}

} // namespace ppocrvl
