// SPDX-License-Identifier: Apache-2.0
#include "schedule/board.h"

#include <algorithm>
#include <tuple>

namespace ppocrvl {
namespace {

const std::exception_ptr closed = std::make_exception_ptr(
    Error(ErrorKind::cancelled, "the engine was closed; make a new Engine to go on"));

constexpr std::uint64_t tokens_per_place = 256; // so many let one later request go ahead

/// Smaller goes first.
using Rank = std::tuple<std::int64_t, std::uint64_t, std::uint64_t>;

Rank rank(int priority, std::uint64_t number, const ImageGrid &grid) {
  return {-std::int64_t{priority},
          number + static_cast<std::uint64_t>(grid.tokens()) / tokens_per_place, number};
}

Rank rank_of(const GenerateJob &job) {
  return rank(job.prepared.request.priority, job.number, job.prepared.grid);
}

Rank rank_of(const EmbedJob &job) { return rank(0, job.number, job.grid); }

Rank rank_of(const EncodeJob &job) {
  return std::visit([](const auto &one) { return rank_of(one); }, job);
}

/// The place of the job that goes first among those that `may`.
template <class Job, class May>
std::optional<std::size_t> first_of(const std::vector<Job> &jobs, May may) {
  std::optional<std::size_t> first;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (may(jobs[i]) && (!first || rank_of(jobs[i]) < rank_of(jobs[*first]))) {
      first = i;
    }
  }
  return first;
}

bool generates(const EncodeJob &job) { return std::holds_alternative<GenerateJob>(job); }

} // namespace

std::optional<std::size_t> next_to_admit(const Board &board) {
  return first_of(board.to_admit, [](const GenerateJob &) { return true; });
}

std::optional<std::size_t> next_to_encode(const Board &board, std::size_t most_ahead) {
  const std::vector<EncodeJob> &jobs = board.to_encode;
  const auto embedding = first_of(jobs, [](const EncodeJob &job) { return !generates(job); });
  const auto generation = first_of(jobs, generates);
  if (!generation) {
    return embedding;
  }
  const Rank rank = rank_of(jobs[*generation]);
  const auto ahead =
      std::count_if(board.to_admit.begin(), board.to_admit.end(), [&](const GenerateJob &ready) {
        return ready.image != nullptr && rank_of(ready) < rank;
      });
  if (static_cast<std::size_t>(ahead) >= most_ahead) {
    return embedding;
  }
  return embedding && rank_of(jobs[*embedding]) < rank ? embedding : generation;
}

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
