// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/map_kernels.h"

namespace ppocrvl::kernels {

/// For every CPU.
extern const MapKernels plain_maps;

} // namespace ppocrvl::kernels
