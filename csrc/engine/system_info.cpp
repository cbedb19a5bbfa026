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

} // namespace

BuildInfo build_info() {
  return {
      PPOCRVL_VERSION, PPOCRVL_LLAMA_COMMIT, compiler, PPOCRVL_BUILD_TYPE, PPOCRVL_BUILD_OPTIONS,
  };
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
