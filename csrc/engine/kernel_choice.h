// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "files/gguf_file.h"
#include "files/model_sizes.h"
#include "kernels/kernels.h"
#include "mtmd/vision_graph.h"

#include <string>

namespace ppocrvl {

/// What is to compute a model's two graphs where a CPU does; null for ggml's own operations.
struct KernelChoice {
  const kernels::VisionKernels *vision = nullptr;
  const kernels::DecoderKernels *decoder = nullptr;
};

/// Whether our kernels can compute an encoder of these widths.
bool fits_vision_kernels(const VisionSizes &sizes);

/// "ggml" where there are none.
template <typename SomeKernels> std::string kernels_name(const SomeKernels *kernels) {
  return kernels == nullptr ? "ggml" : kernels->name;
}

/// `name` is "ggml", or that of one of `kernels::available()` for both graphs, or "auto": for each
/// graph the fastest, with float32 operands where the precision is exact or the graph's own file is
/// in float32. The encoder's round to int8 only where the precision is fast, the decoder's never.
/// Throws ErrorKind::option.
KernelChoice choose_kernels(const std::string &name, VisionPrecision precision, const GgufFile &llm,
                            const GgufFile &mmproj);

} // namespace ppocrvl
