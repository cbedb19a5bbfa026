// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ggml-backend.h"
#include "ggml-cpu.h"

#include <string_view>

namespace ppocrvl::test {

/// Where ggml holds weights in an order of its own, or null.
inline ggml_backend_buffer_type_t repacking() {
  ggml_backend_reg_t cpu = ggml_backend_cpu_reg();
  auto *all = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(
      ggml_backend_reg_get_proc_address(cpu, "ggml_backend_dev_get_extra_bufts"));
  const ggml_backend_buffer_type_t *kind = all(ggml_backend_reg_dev_get(cpu, 0));
  while (kind != nullptr && *kind != nullptr) {
    if (std::string_view(ggml_backend_buft_name(*kind)) == "CPU_REPACK") {
      return *kind;
    }
    ++kind;
  }
  return nullptr;
}

} // namespace ppocrvl::test
