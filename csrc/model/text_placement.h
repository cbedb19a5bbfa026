// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ggml/devices.h"
#include "kernels/kernels.h"

#include <string>

namespace ppocrvl {

/// Where the language model computes, and what follows from that. The engine's placement decides
/// it; as it stands it is the CPU with ggml's own operations.
struct TextPlacement {
  /// Most tokens of one call whose logits are wanted, where there are not more sequences; one of
  /// each sequence where the shares of the cache are separate. Each takes n_vocab floats in the
  /// host's memory on every device: tokens are chosen there.
  static constexpr int batch_outputs = 32;

  std::string device = host_device; // by ggml's name
  bool kv_on_device = true;         // false: the KV cache, and attention with it, is the host's

  /// An F32 file asks for F32 arithmetic: then the cache is in F32, and flash attention, which
  /// would round it to F16, is off. Else llama.cpp takes it where the device has it.
  bool float32_cache = false;

  const kernels::DecoderKernels *kernels = nullptr; // only on the CPU; null for ggml's own

  /// Most tokens of one call. Compute buffers grow with it. On a CPU prefill speed hardly does
  /// above this.
  int batch_tokens = 256;

  [[nodiscard]] bool on_host() const { return device == host_device; }
};

} // namespace ppocrvl
