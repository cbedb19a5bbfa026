// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/kernels.h"

namespace ppocrvl::kernels {

// Each is compiled for its kind of CPU, and may only run where `available()` has it.
extern const Kernels amx;
extern const Kernels avx512_bf16;
extern const Kernels avx512;
extern const Kernels avx2;
extern const Kernels avx512_int16;
extern const Kernels avx2_int16;
extern const Kernels avx512_bf16_int8;
extern const Kernels avx512_int8;

} // namespace ppocrvl::kernels
