// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/board.h"
#include "core/core_turns.h"
#include "core/encoder.h"

#include <cstddef>
#include <memory>
#include <optional>

namespace ppocrvl {

/// What the encoding thread does: takes waiting pictures off the board, and puts them back as image
/// tokens.
class EncodeWorker {
public:
  /// Encodes at most `most_ahead` pictures that no sequence has taken yet. Without `turns` it does
  /// not share its cores.
  EncodeWorker(Board &board, Encoder &encoder, CoreTurns *turns, std::size_t most_ahead)
      : board_(board), encoder_(encoder), turns_(turns), most_ahead_(most_ahead) {}

  /// Until the board closes.
  void run();

private:
  std::optional<EncodeJob> take();
  void serve(GenerateJob job);
  void serve(const EmbedJob &job);
  EmbeddingsPtr encode(const RgbImage &image, const ImageGrid &grid, const Cancellable &request,
                       Trace *trace);
  EmbeddingsPtr cached(const std::string &key);
  void keep(const std::string &key, const EmbeddingsPtr &embeddings);

  Board &board_;
  Encoder &encoder_;
  CoreTurns *turns_;
  std::size_t most_ahead_;
};

} // namespace ppocrvl
