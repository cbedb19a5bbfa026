// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/kernels.h"

#include <vector>

namespace ppocrvl::test {

/// Kernels that this CPU can run, and those for AMX with its instructions in software where it has
/// all others that they use.
const std::vector<kernels::Kernels> &tested_kernels();

} // namespace ppocrvl::test
