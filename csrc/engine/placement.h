// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "files/model_files.h"
#include "ggml/devices.h"
#include "model/text_placement.h"
#include "mtmd/vision_graph.h"
#include "vision/vision_placement.h"

#include <cstddef>
#include <string>
#include <vector>

namespace ppocrvl {

/// What a caller asks of the placement.
struct PlacementWishes {
  /// "auto", "cpu", or a device by ggml's name, as "Vulkan0"; also "vulkan:0", in any case,
  /// "vulkan" for its first device, and "metal".
  std::string device = "auto";
  std::string vision_device; // of the vision encoder alone; empty: `device`
  std::string text_device;   // of the language model alone
  VisionPrecision precision = VisionPrecision::automatic;
  std::string kernels = "auto"; // as `choose_kernels`
  std::size_t kv_tokens = 0;    // that the cache may grow to
};

/// Which device computes the vision encoder and which the language model, and what follows from
/// that. Each of the two is on one device as a whole.
struct Placement {
  VisionPlacement vision;
  TextPlacement text;
  std::string note; // one line where "auto" gave way to the memory; else empty

  /// Whether the two are in each other's way, so that one computes at a time.
  [[nodiscard]] bool shares_device() const { return vision.device == text.device; }

  /// Whether one of them is in the way of others that compute on the CPU.
  [[nodiscard]] bool uses_host() const { return vision.on_host() || text.on_host(); }

  /// ggml's name of the device whose memory has the KV cache.
  [[nodiscard]] std::string kv_device() const {
    return text.kv_on_device ? text.device : host_device;
  }
};

/// Whether all of it is to be on the CPU, so that no device needs to be asked.
bool wants_host_alone(const PlacementWishes &wishes);

/// Decides. "auto" is the first GPU of the list, an integrated one where there is no other, else
/// the CPU. What the files and the largest picture of the model need there must be free; where it
/// is not, the KV cache goes to the host's memory, then the language model to the CPU, then all, as
/// far as they are on "auto". Where a device does not tell its memory, and of the CPU, nothing is
/// checked. Throws ErrorKind::option (no such device; kernels that cannot be had there) and
/// ErrorKind::engine (a named device has not enough memory).
Placement place(const PlacementWishes &wishes, const std::vector<Device> &devices,
                const ModelFiles &files);

} // namespace ppocrvl
