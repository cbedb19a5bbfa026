// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "files/gguf_file.h"
#include "kernels/kernels.h"
#include "mtmd/vision_graph.h"

#include <string>

namespace ppocrvl {

/// What is to compute the vision encoder, and the language model where several tokens meet: `name`
/// is "ggml" for ggml's own operations (null), one of `kernels::available()`, or "auto": the
/// fastest, with float32 operands where the precision is exact or the file's own, and those that
/// round to bytes only where it is fast. The language model never gets these. Throws
/// ErrorKind::option.
const kernels::Kernels *choose_kernels(const std::string &name, VisionPrecision precision,
                                       const GgufFile &mmproj);

} // namespace ppocrvl
