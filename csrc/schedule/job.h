// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "schedule/request.h"
#include "schedule/ticket.h"
#include "support/stopwatch.h"
#include "text/grammar.h"
#include "text/token_trail.h"
#include "text/vocabulary.h"
#include "vision/embeddings.h"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace ppocrvl {

/// A request that passed all checks.
struct PreparedRequest {
  Request request;
  PromptIds prompt;
  std::shared_ptr<const Grammar> grammar;  // null: none
  ImageGrid grid;                          // 0x0 without an image
  int max_tokens = 0;                      // the request's, within what the model's context leaves
  std::shared_ptr<const TokenTrail> draft; // null: nothing is to be guessed

  [[nodiscard]] std::size_t n_prompt() const {
    return prompt.size() + static_cast<std::size_t>(grid.tokens());
  }

  /// Tokens of the cache that it may come to fill.
  [[nodiscard]] std::size_t n_reserved() const {
    return n_prompt() + static_cast<std::size_t>(max_tokens);
  }
};

/// A generation before it has a place in the cache.
struct GenerateJob {
  PreparedRequest prepared;
  std::shared_ptr<Ticket> ticket;
  std::uint64_t number = 0; // in order of arrival
  Stopwatch since_arrival;
  EmbeddingsPtr image; // once encoded
  double encode_seconds = 0.0;
  bool cached_image = false;
  std::optional<Trace> trace; // where the request asked for it
};

/// A picture to encode, and nothing else.
struct EmbedJob {
  RgbImage image;
  std::string image_key;
  ImageGrid grid;
  std::shared_ptr<Pending<EmbeddingsPtr>> pending;
  std::uint64_t number = 0;
};

} // namespace ppocrvl
