// SPDX-License-Identifier: Apache-2.0
#include "layout/program.h"

#include <algorithm>

namespace ppocrvl::layout {

std::size_t Program::scratch_bytes() const {
  std::size_t most = 0;
  for (const Step &step : steps_) {
    most = std::max(most, step.scratch_bytes);
  }
  return (most + 63) / 64 * 64;
}

} // namespace ppocrvl::layout
