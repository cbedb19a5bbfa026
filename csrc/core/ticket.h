// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/request.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace ppocrvl {

/// Work that can be asked to stop; asking is idempotent and takes effect at the worker's next look.
class Cancellable {
public:
  void cancel() { cancelled_.store(true); }
  [[nodiscard]] const std::atomic<bool> &cancelled() const { return cancelled_; }

private:
  std::atomic<bool> cancelled_{false};
};

/// A value that another thread makes, or the error it met. Thread-safe; every wait has a limit, so
/// that the waiting thread can look at signals in between.
template <class Value> class Pending : public Cancellable {
public:
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

  void fulfil(Value value) {
    {
      const std::scoped_lock lock(mutex_);
      value_ = std::move(value);
    }
    changed_.notify_all();
  }

  void fail(std::exception_ptr error) {
    {
      const std::scoped_lock lock(mutex_);
      error_ = std::move(error);
    }
    changed_.notify_all();
  }

protected:
  bool done() const { return value_.has_value() || error_ != nullptr; }

  mutable std::mutex mutex_;
  std::condition_variable changed_;

private:
  std::optional<Value> value_;
  std::exception_ptr error_;
};

/// A running generation: pieces of text while it runs, the result at the end.
class Ticket : public Pending<Result> {
public:
  enum class Next { piece, end, timeout };

  void push_piece(std::string piece) {
    {
      const std::scoped_lock lock(mutex_);
      pieces_.push_back(std::move(piece));
    }
    changed_.notify_all();
  }

  /// Takes the oldest piece that was not taken yet. `end` also stands for failure; `value` tells.
  Next wait_piece(std::string &piece, std::chrono::milliseconds limit) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait_for(lock, limit, [this] { return !pieces_.empty() || done(); });
    if (!pieces_.empty()) {
      piece = std::move(pieces_.front());
      pieces_.pop_front();
      return Next::piece;
    }
    return done() ? Next::end : Next::timeout;
  }

private:
  std::deque<std::string> pieces_;
};

} // namespace ppocrvl
