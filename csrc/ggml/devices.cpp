// SPDX-License-Identifier: Apache-2.0
#include "ggml/devices.h"

#include "ggml-backend.h"

namespace ppocrvl {

bool has_gpu() {
  return ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_GPU) != nullptr ||
         ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_IGPU) != nullptr;
}

} // namespace ppocrvl
