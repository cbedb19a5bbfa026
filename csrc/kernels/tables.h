// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/kernels.h"
#include "kernels/map_kernels.h"

namespace ppocrvl::kernels {

// Each is compiled for its kind of CPU, and may only run where `available()` has it.

namespace vision {
extern const VisionKernels amx;
extern const VisionKernels avx512_bf16;
extern const VisionKernels avx512;
extern const VisionKernels avx2;
extern const VisionKernels avx512_int16;
extern const VisionKernels avx2_int16;
extern const VisionKernels avx512_bf16_int8;
extern const VisionKernels avx512_int8;
extern const VisionKernels neon_bf16;
extern const VisionKernels neon;
} // namespace vision

namespace decoder {
extern const DecoderKernels amx;
extern const DecoderKernels avx512_bf16;
extern const DecoderKernels avx512;
extern const DecoderKernels avx2;
extern const DecoderKernels neon_bf16;
extern const DecoderKernels neon;
} // namespace decoder

namespace logits {
extern const LogitKernels avx512;
extern const LogitKernels avx2;
extern const LogitKernels neon;
} // namespace logits

namespace maps {
extern const MapKernels avx512;
extern const MapKernels avx2;
extern const MapKernels neon;
} // namespace maps

namespace convolutions {
extern const ConvolutionKernels amx_split;
extern const ConvolutionKernels amx;
extern const ConvolutionKernels avx512_bf16;
} // namespace convolutions

} // namespace ppocrvl::kernels
