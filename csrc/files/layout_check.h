// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "files/gguf_file.h"

namespace ppocrvl {

constexpr const char *layout_architecture = "ppdoclayout";

/// Passes only files that the layout graph loads and runs: keys, tensor names, shapes and types as
/// docs/layout-format.md has them, and sizes whose memory is bounded. All problems of a file are
/// reported in one message. Throws Error(model_format), or Error(model_mismatch) for a part of a
/// language model. Reads nothing but its argument and may run on any thread.
void check_layout(const GgufFile &file);

} // namespace ppocrvl
