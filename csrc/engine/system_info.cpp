// SPDX-License-Identifier: Apache-2.0
#include "engine/system_info.h"

#include "ggml-backend.h"
#include "kernels/kernels.h"

namespace ppocrvl {
namespace {

#if defined(__clang__)
constexpr const char *compiler = "clang " __clang_version__;
#elif defined(__GNUC__)
constexpr const char *compiler = "gcc " __VERSION__;
#elif defined(_MSC_VER)
constexpr const char *compiler = "msvc";
#else
constexpr const char *compiler = "unknown";
#endif

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

BuildInfo build_info() {
  return {
      PPOCRVL_VERSION, PPOCRVL_LLAMA_COMMIT, compiler, PPOCRVL_BUILD_TYPE, PPOCRVL_BUILD_OPTIONS,
  };
}

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

std::vector<std::string> cpu_features() {
  std::vector<std::string> names;
  ggml_backend_dev_t cpu = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
  if (cpu == nullptr) {
    return names;
  }
  const auto get_features =
      reinterpret_cast<ggml_backend_get_features_t>(ggml_backend_reg_get_proc_address(
          ggml_backend_dev_backend_reg(cpu), "ggml_backend_get_features"));
  if (get_features == nullptr) {
    return names;
  }
  for (const auto *feature = get_features(ggml_backend_dev_backend_reg(cpu));
       feature->name != nullptr; ++feature) {
    if (std::string(feature->value) != "0") {
      names.emplace_back(feature->name);
    }
  }
  return names;
}

std::vector<std::string> vision_kernels() {
  std::vector<std::string> names;
  for (const kernels::Kernels &one : kernels::available()) {
    names.emplace_back(one.vision->name);
  }
  return names;
}

} // namespace ppocrvl
