// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace ppocrvl::binding {

/// Carries news of many tickets to one Python thread. The engine's threads put them in without the
/// GIL, so that Python never keeps them waiting, and without taking memory, so that they cannot
/// fail.
class EventQueue {
public:
  /// What has news from time to time: a ticket.
  class Source {
  public:
    explicit Source(std::uint64_t id) : id_(id) {}

  private:
    friend class EventQueue;
    std::uint64_t id_;
    bool queued_ = false;
    std::shared_ptr<Source> next_; // in the queue, behind this one
  };

  EventQueue() = default;
  ~EventQueue() { clear(); }
  EventQueue(const EventQueue &) = delete;
  EventQueue &operator=(const EventQueue &) = delete;

  /// Does nothing if the source is in the queue already.
  void push(const std::shared_ptr<Source> &source) noexcept {
    {
      const std::scoped_lock lock(mutex_);
      if (source->queued_) {
        return;
      }
      source->queued_ = true;
      source->next_ = std::move(newest_);
      newest_ = source;
      ++size_;
    }
    changed_.notify_one();
  }

  /// The ids of the sources in the queue, or none once it is closed and empty. They stay there if
  /// there is no memory for the list.
  std::vector<std::uint64_t> wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || newest_ != nullptr; });
    std::vector<std::uint64_t> ids;
    ids.reserve(size_);
    while (newest_ != nullptr) {
      ids.push_back(newest_->id_);
      pop();
    }
    std::reverse(ids.begin(), ids.end()); // the oldest news first
    return ids;
  }

  void close() {
    {
      const std::scoped_lock lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
  }

private:
  void pop() {
    newest_->queued_ = false;
    newest_ = std::exchange(newest_->next_, nullptr);
    --size_;
  }

  /// One after the other: a chain that frees itself recurses.
  void clear() {
    while (newest_ != nullptr) {
      pop();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<Source> newest_;
  std::size_t size_ = 0;
  bool closed_ = false;
};

} // namespace ppocrvl::binding
