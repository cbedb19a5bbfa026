// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "schedule/request.h"
#include "schedule/waker.h"
#include "support/live_count.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace ppocrvl {

/// Work that can be asked to stop, or has to be done by some time. Thread-safe.
class Cancellable {
public:
  using Clock = std::chrono::steady_clock;

  explicit Cancellable(std::shared_ptr<Waker> waker = nullptr,
                       std::optional<Clock::time_point> deadline = std::nullopt)
      : waker_(std::move(waker)), deadline_(deadline) {}

  /// Takes effect at the engine's next step. Idempotent.
  void cancel() {
    cancelled_.store(true);
    if (waker_) {
      waker_->ring();
    }
  }

  [[nodiscard]] bool is_cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

  /// Whether to go on makes no sense: cancelled, or too late.
  [[nodiscard]] bool is_over() const {
    return is_cancelled() || (deadline_ && Clock::now() >= *deadline_);
  }

  [[nodiscard]] const std::optional<Clock::time_point> &deadline() const { return deadline_; }

private:
  std::atomic<bool> cancelled_{false};
  std::shared_ptr<Waker> waker_;
  std::optional<Clock::time_point> deadline_;
};

/// A value that another thread makes, or the error it met. Thread-safe; every wait has a limit, so
/// that the waiting thread can look at signals in between.
template <class Value> class Pending : public Cancellable {
public:
  using Cancellable::Cancellable;

  /// Whether value or error are there.
  bool wait_done(std::chrono::milliseconds limit) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, limit, [this] { return done(); });
  }

  /// The value; throws the error. Only once `wait_done` was true.
  const Value &value() const {
    const std::scoped_lock lock(mutex_);
    if (error_) {
      std::rethrow_exception(error_);
    }
    return value_.value();
  }

  // Of several outcomes the first stays. They take no memory: being out of it is what is often
  // told.

  void fulfil(Value value) noexcept {
    change([&] {
      if (!done()) {
        value_ = std::move(value);
      }
    });
  }

  void fail(const std::exception_ptr &error) noexcept {
    change([&] {
      if (!done()) {
        error_ = error;
      }
    });
  }

  /// Calls `listener` now, and in future after every change, in the thread that changed. It must be
  /// quick and must not throw.
  void listen(std::function<void()> listener) {
    Listener shared = std::make_shared<const std::function<void()>>(std::move(listener));
    change([&] { listener_ = std::move(shared); });
  }

protected:
  using Listener = std::shared_ptr<const std::function<void()>>;

  [[nodiscard]] bool done() const { return value_.has_value() || error_ != nullptr; }

  template <class Change> void change(Change make) {
    Listener listener; // its copy takes no memory: a change that was made is told
    {
      const std::scoped_lock lock(mutex_);
      make();
      listener = listener_;
    }
    changed_.notify_all();
    if (listener) { // outside the lock: it may look at this object
      (*listener)();
    }
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;

private:
  std::optional<Value> value_;
  std::exception_ptr error_;
  Listener listener_;
};

/// A running generation: pieces of text while it runs, the result at the end.
class Ticket : public Pending<Result> {
public:
  using Pending<Result>::Pending;

  enum class Next { piece, end, timeout };

  void push_piece(std::string piece) {
    change([&] { pieces_.push_back(std::move(piece)); });
  }

  /// Takes the oldest piece that was not taken yet. `end` also stands for failure; `value` tells.
  Next wait_piece(std::string &piece, std::chrono::milliseconds limit) {
    is_streamed_.store(true, std::memory_order_relaxed);
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait_for(lock, limit, [this] { return !pieces_.empty() || done(); });
    if (!pieces_.empty()) {
      piece = std::move(pieces_.front());
      pieces_.pop_front();
      return Next::piece;
    }
    return done() ? Next::end : Next::timeout;
  }

  /// Whether somebody takes the pieces as they come, and not only the result.
  [[nodiscard]] bool is_streamed() const { return is_streamed_.load(std::memory_order_relaxed); }

private:
  std::atomic<bool> is_streamed_{false};
  std::deque<std::string> pieces_;
  LiveCount<Ticket> live_;
};

} // namespace ppocrvl
