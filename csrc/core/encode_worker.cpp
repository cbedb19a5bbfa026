// SPDX-License-Identifier: Apache-2.0
#include "core/encode_worker.h"

#include "core/error.h"
#include "core/faults.h"

#include <utility>

namespace ppocrvl {

void EncodeWorker::run() {
  while (auto job = take()) {
    std::visit([this](auto &one) { serve(std::move(one)); }, *job);
  }
}

std::optional<EncodeJob> EncodeWorker::take() {
  std::unique_lock<std::mutex> lock(board_.mutex);
  board_.changed.wait(lock, [this] {
    return board_.closing || (!board_.to_encode.empty() && board_.to_admit.size() < most_ahead_);
  });
  if (board_.closing) {
    return std::nullopt;
  }
  const auto at =
      board_.to_encode.begin() + static_cast<std::ptrdiff_t>(next_index(board_.to_encode));
  EncodeJob job = std::move(*at);
  board_.to_encode.erase(at);
  lock.unlock();
  board_.changed.notify_all(); // somebody may wait for room in the line
  return job;
}

void EncodeWorker::serve(GenerateJob job) {
  Request &request = job.prepared.request;
  const std::string &key = request.trace ? std::string() : request.image_key;
  try {
    job.image = cached(key);
    job.cached_image = job.image != nullptr;
    if (!job.cached_image) {
      if (request.trace) {
        job.trace.emplace();
      }
      const Stopwatch stopwatch;
      job.image = encode(request.image.value(), job.prepared.grid, *job.ticket,
                         job.trace ? &*job.trace : nullptr);
      job.encode_seconds = stopwatch.seconds();
      keep(key, job.image);
    }
  } catch (...) {
    if (job.ticket->is_over() && !board_.closing) {
      job.ticket->fulfil(result_of_stopped(job));
    } else {
      job.ticket->fail(board_.closing ? std::make_exception_ptr(closed_error()) : current_error());
    }
    return;
  }
  std::vector<std::uint8_t>().swap(request.image.value().pixels); // nobody needs them any more
  {
    const std::scoped_lock lock(board_.mutex);
    board_.to_admit.push_back(std::move(job));
  }
  board_.changed.notify_all();
}

void EncodeWorker::serve(const EmbedJob &job) {
  try {
    EmbeddingsPtr embeddings = cached(job.image_key);
    if (embeddings == nullptr) {
      embeddings = encode(job.image, job.grid, *job.pending, nullptr);
      keep(job.image_key, embeddings);
    }
    job.pending->fulfil(std::move(embeddings));
  } catch (...) {
    job.pending->fail(board_.closing ? std::make_exception_ptr(closed_error()) : current_error());
  }
}

EmbeddingsPtr EncodeWorker::encode(const RgbImage &image, const ImageGrid &grid,
                                   const Cancellable &request, Trace *trace) {
  std::optional<CoreTurns::Encoding> turn;
  if (turns_ != nullptr) {
    turn.emplace(*turns_);
  }
  pass(FaultPoint::encode);
  const auto goes_on = [&] {
    if (turns_ != nullptr) {
      turns_->pause();
    }
    return !request.is_over() && !board_.closing;
  };
  return std::make_shared<const Embeddings>(
      Embeddings{grid, encoder_.encode(image, grid, goes_on, trace)});
}

EmbeddingsPtr EncodeWorker::cached(const std::string &key) {
  const std::scoped_lock lock(board_.mutex);
  return board_.cache.find(key);
}

void EncodeWorker::keep(const std::string &key, const EmbeddingsPtr &embeddings) {
  const std::scoped_lock lock(board_.mutex);
  board_.cache.insert(key, embeddings);
}

} // namespace ppocrvl
