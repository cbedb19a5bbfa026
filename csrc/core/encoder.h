// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/handles.h"
#include "core/node_observer.h"
#include "core/pixels.h"
#include "core/trace.h"
#include "mtmd/vision_graph.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ppocrvl {

struct EncoderOptions {
  std::string path;
  int n_threads = 1;
  bool use_gpu = true;
  VisionPrecision precision = VisionPrecision::automatic;
  const kernels::Kernels *kernels = nullptr; // null for ggml's own operations
  NodeObserver *observer = nullptr;          // borrowed
};

/// The vision encoder with its projector. One thread at a time.
class Encoder {
public:
  /// The file must have passed the model check. Throws ErrorKind::engine.
  Encoder(const EncoderOptions &options, const NormalizationTable &normalization);
  ~Encoder();
  Encoder(const Encoder &) = delete;
  Encoder &operator=(const Encoder &) = delete;

  /// Width of one image token.
  [[nodiscard]] int n_embd() const;

  /// Embeddings of a picture, float32 [grid.tokens(), n_embd]. Calls `goes_on` every so often,
  /// between two operations, when nothing computes; throws ErrorKind::cancelled soon after it was
  /// false, ErrorKind::engine on failure. A `trace` gets the stages on the way.
  std::vector<float> encode(const RgbImage &image, const ImageGrid &grid,
                            const std::function<bool()> &goes_on, Trace *trace = nullptr);

private:
  class Interrupter;

  EncoderOptions options_;
  NormalizationTable normalization_;
  std::unique_ptr<Interrupter> interrupter_; // the context calls it, so it must outlive that
  ClipContextPtr context_;
};

} // namespace ppocrvl
