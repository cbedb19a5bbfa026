// SPDX-License-Identifier: Apache-2.0
#include "schedule/encode_worker.h"

#include "support/error.h"
#include "support/exception_memory.h"
#include "support/faults.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace ppocrvl {
namespace {

// A job that generates and one that only embeds, alike to the encoder.

const RgbImage &image_of(const EncodeJob &job) {
  const auto *generate = std::get_if<GenerateJob>(&job);
  return generate != nullptr ? generate->prepared.request.image.value()
                             : std::get<EmbedJob>(job).image;
}

const ImageGrid &grid_of(const EncodeJob &job) {
  const auto *generate = std::get_if<GenerateJob>(&job);
  return generate != nullptr ? generate->prepared.grid : std::get<EmbedJob>(job).grid;
}

bool is_traced(const EncodeJob &job) {
  const auto *generate = std::get_if<GenerateJob>(&job);
  return generate != nullptr && generate->prepared.request.trace;
}

/// Empty if the picture is to be encoded whatever the cache has.
const std::string &key_of(const EncodeJob &job) {
  static const std::string none;
  const auto *generate = std::get_if<GenerateJob>(&job);
  if (generate == nullptr) {
    return std::get<EmbedJob>(job).image_key;
  }
  return is_traced(job) ? none : generate->prepared.request.image_key;
}

const Cancellable &request_of(const EncodeJob &job) {
  const auto *generate = std::get_if<GenerateJob>(&job);
  return generate != nullptr ? static_cast<const Cancellable &>(*generate->ticket)
                             : *std::get<EmbedJob>(job).pending;
}

void note_seconds(EncodeJob &job, double seconds) {
  if (auto *generate = std::get_if<GenerateJob>(&job)) {
    generate->encode_seconds = seconds;
  }
}

} // namespace

void EncodeWorker::run() {
  take_memory_for_exceptions();
  while (take()) {
    serve();
    jobs_.clear();
  }
}

/// Waits for a picture; takes those with it that come next and may join it. False once the board
/// closes.
bool EncodeWorker::take() {
  std::unique_lock<std::mutex> lock(board_.mutex);
  board_.encoding.clear();
  board_.changed.notify_all(); // somebody of lower priority may wait for what failed
  std::optional<std::size_t> next;
  board_.changed.wait(lock, [&] {
    next = next_to_encode(board_, most_ahead_);
    return board_.closing || next;
  });
  for (; next && !board_.closing; next = next_to_encode(board_, most_ahead_)) {
    const auto at = board_.to_encode.begin() + static_cast<std::ptrdiff_t>(*next);
    if (!jobs_.empty() && !may_join(*at)) {
      break;
    }
    if (const auto *generate = std::get_if<GenerateJob>(&*at)) {
      const PreparedRequest &prepared = generate->prepared;
      board_.encoding.push_back({prepared.request.priority, prepared.n_reserved()});
    }
    jobs_.push_back(std::move(*at));
    board_.to_encode.erase(at);
  }
  lock.unlock();
  board_.changed.notify_all(); // somebody may wait for space in the queue
  return !jobs_.empty();
}

bool EncodeWorker::may_join(const EncodeJob &next) const {
  if (!encoder_.packs() || is_traced(next) || jobs_.size() == most_strip_pictures) {
    return false;
  }
  int patches = patches_in_strip(grid_of(next));
  for (const EncodeJob &job : jobs_) {
    patches += patches_in_strip(grid_of(job));
    const std::string &key = key_of(job);
    if (is_traced(job) || (!key.empty() && key == key_of(next))) {
      return false; // the second of two equal pictures will find the first in the cache
    }
  }
  return patches <= Encoder::most_packed_patches;
}

void EncodeWorker::serve() {
  const auto left = std::partition(jobs_.begin(), jobs_.end(),
                                   [this](EncodeJob &job) { return !finish_cached(job); });
  jobs_.erase(left, jobs_.end());
  if (jobs_.size() > 1) {
    encode_some();
  } else if (!jobs_.empty()) {
    encode_one(jobs_.front());
  }
}

/// Whether the picture needs no encoding: its tokens are known, or it has failed.
bool EncodeWorker::finish_cached(EncodeJob &job) {
  try {
    const EmbeddingsPtr known = cached(key_of(job));
    if (known == nullptr) {
      pass(FaultPoint::encode);
      return false;
    }
    if (auto *generate = std::get_if<GenerateJob>(&job)) {
      generate->cached_image = true;
    }
    hand_on(job, known);
  } catch (...) {
    give_up(job);
  }
  return true;
}

/// What `encode` returns, which may use the cores and is told when to stop: once nobody waits for
/// any of the pictures from `first` to before `last`.
template <class Encode>
auto EncodeWorker::with_cores(const EncodeJob *first, const EncodeJob *last, Encode encode) {
  const CoreSharing::Encoding cores(sharing_);
  return encode([&] {
    sharing_.pause();
    return !board_.closing && std::any_of(first, last, [](const EncodeJob &job) {
      return !request_of(job).is_over();
    });
  });
}

void EncodeWorker::encode_one(EncodeJob &job) {
  try {
    Trace *trace = nullptr;
    if (is_traced(job)) {
      trace = &std::get<GenerateJob>(job).trace.emplace();
    }
    const Stopwatch stopwatch;
    auto values = with_cores(&job, &job + 1, [&](const std::function<bool()> &goes_on) {
      return encoder_.encode(image_of(job), grid_of(job), goes_on, trace);
    });
    note_seconds(job, stopwatch.seconds());
    finish(job, std::move(values));
  } catch (...) {
    give_up(job);
  }
}

/// In one pass, or one after the other if that fails, so that each has its own error.
void EncodeWorker::encode_some() {
  std::vector<std::vector<float>> parts;
  const Stopwatch stopwatch;
  try {
    pass(FaultPoint::encode_together);
    parts = encode_together();
  } catch (...) {
    std::for_each(jobs_.begin(), jobs_.end(), [this](EncodeJob &job) { encode_one(job); });
    return;
  }
  int n_tokens = 0;
  for (const EncodeJob &job : jobs_) {
    n_tokens += grid_of(job).tokens();
  }
  const double seconds_per_token = stopwatch.seconds() / n_tokens;
  for (std::size_t i = 0; i < jobs_.size(); ++i) {
    note_seconds(jobs_[i], seconds_per_token * grid_of(jobs_[i]).tokens());
    try {
      finish(jobs_[i], std::move(parts[i]));
    } catch (...) {
      give_up(jobs_[i]);
    }
  }
}

std::vector<std::vector<float>> EncodeWorker::encode_together() {
  std::vector<GriddedImage> images;
  images.reserve(jobs_.size());
  for (const EncodeJob &job : jobs_) {
    images.push_back({&image_of(job), grid_of(job)});
  }
  return with_cores(jobs_.data(), jobs_.data() + jobs_.size(),
                    [&](const std::function<bool()> &goes_on) {
                      return encoder_.encode_together(images, goes_on);
                    });
}

EmbeddingsPtr EncodeWorker::cached(const std::string &key) {
  const std::scoped_lock lock(board_.mutex);
  return board_.cache.find(key);
}

/// Keeps the image tokens for the next to ask, and hands them on.
void EncodeWorker::finish(EncodeJob &job, std::vector<float> values) {
  const auto embeddings =
      std::make_shared<const Embeddings>(Embeddings{grid_of(job), std::move(values)});
  {
    const std::scoped_lock lock(board_.mutex);
    board_.cache.insert(key_of(job), embeddings);
  }
  hand_on(job, embeddings);
}

void EncodeWorker::hand_on(EncodeJob &job, const EmbeddingsPtr &embeddings) {
  if (const auto *embed = std::get_if<EmbedJob>(&job)) {
    embed->pending->fulfil(embeddings);
    return;
  }
  auto &generate = std::get<GenerateJob>(job);
  generate.image = embeddings;
  // Nobody needs the pixels any more.
  std::vector<std::uint8_t>().swap(generate.prepared.request.image.value().pixels);
  {
    const std::scoped_lock lock(board_.mutex);
    board_.to_admit.push_back(std::move(generate));
  }
  board_.changed.notify_all();
}

/// After an error: the current exception.
void EncodeWorker::give_up(const EncodeJob &job) const noexcept {
  const auto *generate = std::get_if<GenerateJob>(&job);
  if (generate != nullptr && generate->ticket->is_over() && !board_.closing) {
    generate->ticket->fulfil(result_of_stopped(*generate));
  } else {
    fail(job, board_.closing ? closed_error() : current_error());
  }
}

} // namespace ppocrvl
