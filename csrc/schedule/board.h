// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "schedule/job.h"
#include "schedule/waker.h"
#include "support/error.h"
#include "vision/embedding_cache.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <variant>
#include <vector>

namespace ppocrvl {

using EncodeJob = std::variant<GenerateJob, EmbedJob>;

/// A request whose picture the encoder has at the moment.
struct BeingEncoded {
  int priority = 0;
  std::size_t reserved = 0; // tokens of the cache
};

/// What the engine's threads share: requests that wait, and the pictures that need no encoding.
/// Everything but `closing`, which may be read at any time, is guarded by the waker's mutex.
struct Board : Waker {
  explicit Board(std::size_t cache_bytes) : cache(cache_bytes) {}

  std::vector<EncodeJob> to_encode;
  std::vector<BeingEncoded> encoding;
  std::vector<GenerateJob> to_admit; // encoded, or without a picture
  EmbeddingCache cache;
  std::uint64_t arrivals = 0;
  std::atomic<bool> closing{false};

  [[nodiscard]] std::size_t waiting() const { return to_encode.size() + to_admit.size(); }
};

/// Which of the waiting jobs is next: that of the highest priority, and of equals the one that came
/// first. A large picture counts as if it had come later, so that small ones need not wait for all
/// of it, but no more than a few of them go ahead. None if none waits.
std::optional<std::size_t> next_to_admit(const Board &board);

/// The same of those whose picture is to be encoded; also none where `most_ahead` encoded ones that
/// go before it wait for a place. What only embeds needs no place, and waits for nobody's.
std::optional<std::size_t> next_to_encode(const Board &board, std::size_t most_ahead);

/// What a request gets that was stopped before it had a place.
Result result_of_stopped(const GenerateJob &job);

/// Why a request that is over was stopped.
FinishReason reason_of(const Cancellable &request);

/// What becomes of requests to an engine that was closed.
std::exception_ptr closed_error() noexcept;

void fail(const EncodeJob &job, const std::exception_ptr &error) noexcept;

} // namespace ppocrvl
