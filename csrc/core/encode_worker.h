// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/board.h"
#include "core/core_turns.h"
#include "core/encoder.h"

#include <cstddef>
#include <memory>
#include <vector>

namespace ppocrvl {

/// What the encoding thread does: takes waiting pictures off the board, several at once if they are
/// small, and puts them back as image tokens.
class EncodeWorker {
public:
  /// Encodes no picture before whose request `most_ahead` encoded ones wait for a place. Without
  /// `turns` it does not share its cores.
  EncodeWorker(Board &board, Encoder &encoder, CoreTurns *turns, std::size_t most_ahead)
      : board_(board), encoder_(encoder), turns_(turns), most_ahead_(most_ahead) {}

  /// Until the board closes.
  void run();

private:
  std::vector<EncodeJob> take();
  [[nodiscard]] bool may_join(const std::vector<EncodeJob> &taken, const EncodeJob &next) const;
  void serve(std::vector<EncodeJob> jobs);
  void encode_one(EncodeJob &job);
  void encode_some(std::vector<EncodeJob> &jobs);
  EmbeddingsPtr cached(const std::string &key);
  void finish(EncodeJob &job, const EmbeddingsPtr &embeddings);
  void give_up(EncodeJob &job) const;
  template <class Encode> auto with_turn(const std::vector<EncodeJob *> &jobs, Encode encode);

  Board &board_;
  Encoder &encoder_;
  CoreTurns *turns_;
  std::size_t most_ahead_;
};

} // namespace ppocrvl
