// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/text_placement.h"
#include "support/handles.h"

#include <cstddef>
#include <string>

namespace ppocrvl {

// libllama's three steps, for all that decodes: what upstream logs, asserts or throws becomes an
// Error, and models and contexts have the same numbers whoever makes them.

/// Loads a file that passed the model check: all of it on one device, by ggml's name, without any
/// other GPU. Throws ErrorKind::engine.
LlamaModelPtr load_llama_model(const std::string &path, const std::string &device, bool use_mmap);

/// Parameters of a context whose KV cache has `n_tokens` cells or a few more, in whole steps of
/// libllama times `n_shares`.
llama_context_params usual_context_params(const TextPlacement &placement, std::size_t n_tokens,
                                          std::size_t n_shares, int n_threads);

/// Makes a context with its KV cache. Throws ErrorKind::engine.
LlamaContextPtr make_llama_context(llama_model &model, const llama_context_params &params);

/// One pass over the weights. Throws ErrorKind::cancelled where the context's abort callback ended
/// it, else ErrorKind::engine. Where libllama and ggml do not put right what they had begun, the
/// context is freed: `context` is then null.
void decode_batch(LlamaContextPtr &context, const llama_batch &batch);

} // namespace ppocrvl
