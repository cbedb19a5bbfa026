// SPDX-License-Identifier: Apache-2.0
#include "core/board.h"

#include <tuple>

namespace ppocrvl {
namespace {

const std::exception_ptr closed = std::make_exception_ptr(
    Error(ErrorKind::cancelled, "the engine was closed; make a new Engine to go on"));

constexpr std::uint64_t tokens_per_place = 256; // so many let one later request go ahead

/// Smaller goes first.
using Rank = std::tuple<int, std::uint64_t, std::uint64_t>;

Rank rank(int priority, std::uint64_t number, const ImageGrid &grid) {
  return {-priority, number + static_cast<std::uint64_t>(grid.tokens()) / tokens_per_place, number};
}

Rank rank_of(const GenerateJob &job) {
  return rank(job.prepared.request.priority, job.number, job.prepared.grid);
}

Rank rank_of(const EmbedJob &job) { return rank(0, job.number, job.grid); }

Rank rank_of(const EncodeJob &job) {
  return std::visit([](const auto &one) { return rank_of(one); }, job);
}

template <class Job> std::size_t least(const std::vector<Job> &jobs) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < jobs.size(); ++i) {
    if (rank_of(jobs[i]) < rank_of(jobs[best])) {
      best = i;
    }
  }
  return best;
}

} // namespace

std::size_t next_index(const std::vector<EncodeJob> &jobs) { return least(jobs); }

std::size_t next_index(const std::vector<GenerateJob> &jobs) { return least(jobs); }

FinishReason reason_of(const Cancellable &request) {
  return request.is_cancelled() ? FinishReason::cancelled : FinishReason::deadline;
}

Result result_of_stopped(const GenerateJob &job) {
  Result result;
  result.finish_reason = reason_of(*job.ticket);
  result.image_grid = job.prepared.grid;
  result.timings.queue = job.since_arrival.seconds();
  result.timings.image_tokens = job.prepared.grid.tokens();
  result.timings.prompt_tokens = static_cast<int>(job.prepared.n_prompt());
  return result;
}

std::exception_ptr closed_error() noexcept { return closed; }

void fail(const EncodeJob &job, const std::exception_ptr &error) noexcept {
  if (const auto *generate = std::get_if<GenerateJob>(&job)) {
    generate->ticket->fail(error);
  } else if (const auto *embed = std::get_if<EmbedJob>(&job)) {
    embed->pending->fail(error);
  }
}

} // namespace ppocrvl
