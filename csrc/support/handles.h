// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "clip.h"
#include "ggml-cpp.h"
#include "llama-cpp.h"

#include <memory>

namespace ppocrvl {

// Owners of everything llama.cpp hands out. libllama and ggml ship their own aliases.
using LlamaModelPtr = llama_model_ptr;
using LlamaContextPtr = llama_context_ptr;
using LlamaSamplerPtr = llama_sampler_ptr;
using GgufContextPtr = gguf_context_ptr;

struct ClipContextDeleter {
  void operator()(clip_ctx *context) const { clip_free(context); }
};
using ClipContextPtr = std::unique_ptr<clip_ctx, ClipContextDeleter>;

} // namespace ppocrvl
