// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ggml/pooled_cpu.h"
#include "kernels/kernels.h"
#include "support/handles.h"
#include "support/node_observer.h"
#include "support/trace.h"
#include "vision/pixels.h"
#include "vision/strip.h"
#include "vision/vision_placement.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ppocrvl {

struct EncoderOptions {
  std::string path;
  int n_threads = 1;
  VisionPlacement placement;
  NodeObserver *observer = nullptr; // borrowed
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
  [[nodiscard]] int n_embd() const { return n_embd_; }

  /// Embeddings of a picture, float32 [grid.tokens(), n_embd]. Calls `goes_on` every so often,
  /// between two operations, when nothing computes; throws ErrorKind::cancelled soon after it was
  /// false, ErrorKind::engine on failure, after which other pictures can be encoded. A `trace` gets
  /// the stages on the way.
  std::vector<float> encode(const RgbImage &image, const ImageGrid &grid,
                            const std::function<bool()> &goes_on, Trace *trace = nullptr);

  /// Patches from which on a picture has little to gain from company: the weights are read once for
  /// all, and their time is then small beside that of the products. Smaller ones are encoded as a
  /// strip (vision/strip.h) even if they are alone, so that the result is the same in any company.
  static constexpr int most_packed_patches = 1024;

  /// Whether `encode_together` is worth more than `encode` one after the other.
  [[nodiscard]] bool packs() const { return options_.placement.kernels != nullptr; }

  /// Embeddings of some pictures in one pass, in which each sees only itself: exactly what `encode`
  /// gives, as long as all of them have at most `most_packed_patches` in a strip.
  std::vector<std::vector<float>> encode_together(const std::vector<GriddedImage> &images,
                                                  const std::function<bool()> &goes_on);

private:
  class Interrupter;

  [[nodiscard]] static std::unique_ptr<PooledCpu> make_cpu(const EncoderOptions &options);
  [[nodiscard]] ClipContextPtr load() const;

  /// Normalised values [height, width, 3], and what becomes of them.
  struct Input {
    int width;
    int height;
    std::vector<float> values;
    int n_tokens;
  };

  /// As a picture of its own shape.
  std::vector<float> encode_whole(const GriddedImage &one, const std::function<bool()> &goes_on,
                                  Trace *trace);
  std::vector<std::vector<float>> encode_strip(const std::vector<GriddedImage> &images,
                                               const std::function<bool()> &goes_on, Trace *trace);
  std::vector<float> run(Input picture, const std::function<bool()> &goes_on, Trace *trace,
                         const std::vector<StripPicture> *strip = nullptr);

  EncoderOptions options_;
  NormalizationTable normalization_;
  kernels::Scratch scratch_;
  std::unique_ptr<PooledCpu> cpu_;           // computes, unless a GPU does
  std::unique_ptr<Interrupter> interrupter_; // the context calls it, so it must outlive that
  ClipContextPtr context_; // null after an error that left it in pieces, until the next picture
  int n_embd_;
  std::size_t n_graphs_ = 0; // see VisionGraphOptions
};

} // namespace ppocrvl
