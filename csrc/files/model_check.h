// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "files/gguf_file.h"

namespace ppocrvl {

enum class ModelRole { llm, mmproj, layout, other };

/// What a file says it is (its architecture key), checked no further.
ModelRole model_role(const GgufFile &file);
const char *model_role_name(ModelRole role) noexcept;

// Each of these passes only files that llama.cpp and mtmd load and run without throwing or
// aborting: keys, vocabulary, tensor names, shapes and types. All problems of a file are reported
// in one message. They throw Error(model_format), or Error(model_mismatch) for a good file in the
// wrong place. They read nothing but their arguments and may run on any thread.
void check_llm(const GgufFile &file);
void check_mmproj(const GgufFile &file);
/// Both of the above, and that the two files belong together.
void check_pair(const GgufFile &llm, const GgufFile &mmproj);

} // namespace ppocrvl
