// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "files/model_sizes.h"

#include <cstdint>

namespace ppocrvl {

// Bytes that a run takes beside the weights. python/ppocrvl/inspection/run_memory.py, which shows
// them, says where the terms come from. They were measured on CPUs.

/// Keys and values of a cache of so many tokens: exact.
std::uint64_t kv_bytes(const LlmSizes &sizes, std::uint64_t n_tokens);

/// Buffers of the language model's graph, for batches of so many tokens: an estimate.
std::uint64_t decoder_bytes(const LlmSizes &sizes, std::uint64_t n_tokens,
                            std::uint64_t batch_tokens);

/// Buffers of the vision encoder's graph for one picture, and the picture: an estimate.
/// `bytes_of_scores` is that of VisionPlacement.
std::uint64_t encoder_bytes(const VisionSizes &sizes, std::uint64_t n_patches,
                            std::uint64_t bytes_of_scores);

} // namespace ppocrvl
