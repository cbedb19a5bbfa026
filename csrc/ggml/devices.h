// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace ppocrvl {

/// Whether ggml found a GPU, with memory of its own or not.
bool has_gpu();

} // namespace ppocrvl
