// SPDX-License-Identifier: Apache-2.0
#include "tests/kernels/tested_kernels.h"

#include <string_view>

namespace ppocrvl {

#ifdef PPOCRVL_SOFTWARE_TILES
namespace kernels {
extern const Kernels software_tiles; // compiled for AVX512-BF16
} // namespace kernels
#endif

namespace test {

const std::vector<kernels::Kernels> &tested_kernels() {
  static const std::vector<kernels::Kernels> all = [] {
    std::vector<kernels::Kernels> found = kernels::available();
#ifdef PPOCRVL_SOFTWARE_TILES
    for (const kernels::Kernels &one : kernels::available()) {
      if (std::string_view(one.vision->name) == "avx512_bf16") {
        found.push_back(kernels::software_tiles);
      }
    }
#endif
    return found;
  }();
  return all;
}

} // namespace test
} // namespace ppocrvl
