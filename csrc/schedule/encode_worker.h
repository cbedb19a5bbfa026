// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "schedule/board.h"
#include "schedule/core_sharing.h"
#include "vision/encoder.h"

#include <cstddef>
#include <memory>
#include <vector>

namespace ppocrvl {

/// What the encoding thread does: takes waiting pictures off the board, several at once if they are
/// small, and puts them back as image tokens.
class EncodeWorker {
public:
  /// Encodes no picture before whose request `most_ahead` encoded ones wait for a place.
  EncodeWorker(Board &board, Encoder &encoder, CoreSharing &sharing, std::size_t most_ahead)
      : board_(board), encoder_(encoder), sharing_(sharing), most_ahead_(most_ahead) {
    jobs_.reserve(most_strip_pictures);
    board_.encoding.reserve(most_strip_pictures);
  }

  /// Until the board closes. Throws nothing: what goes wrong is the picture's error.
  void run();

private:
  bool take();
  [[nodiscard]] bool may_join(const EncodeJob &next) const;
  void serve();
  bool finish_cached(EncodeJob &job);
  void encode_one(EncodeJob &job);
  void encode_some();
  std::vector<std::vector<float>> encode_together();
  EmbeddingsPtr cached(const std::string &key);
  void finish(EncodeJob &job, std::vector<float> values);
  void hand_on(EncodeJob &job, const EmbeddingsPtr &embeddings);
  void give_up(const EncodeJob &job) const noexcept;
  template <class Encode>
  auto with_cores(const EncodeJob *first, const EncodeJob *last, Encode encode);

  Board &board_;
  Encoder &encoder_;
  CoreSharing &sharing_;
  std::size_t most_ahead_;
  std::vector<EncodeJob> jobs_; // that it works on; never more than it was made for
};

} // namespace ppocrvl
