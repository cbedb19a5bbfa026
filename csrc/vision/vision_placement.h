// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ggml/devices.h"
#include "kernels/kernels.h"
#include "mtmd/vision_graph.h"

#include <cstdint>
#include <string>

namespace ppocrvl {

/// Where the vision encoder computes, and what follows from that. The engine's placement decides
/// it; as it stands it is the CPU with ggml's own operations.
struct VisionPlacement {
  std::string device = host_device; // by ggml's name
  VisionPrecision precision = VisionPrecision::automatic;
  const kernels::VisionKernels *kernels = nullptr; // only on the CPU; null for ggml's operations

  /// Whether ggml's flash attention is taken, which rounds keys and values to float16.
  bool fused_attention = false;

  /// Attention takes the queries in slices whose scores take so much, as far as the graph has space
  /// for slices; 0 for one slice.
  std::uint64_t bytes_of_scores = std::uint64_t{32} << 20;

  /// Multiply-adds between two places where the encoder can pause or be left: some 20 ms on two
  /// cores.
  double work_per_stop = 1e9;

  [[nodiscard]] bool on_host() const { return device == host_device; }
};

} // namespace ppocrvl
