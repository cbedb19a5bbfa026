// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace ppocrvl {

/// First in, first out, between threads.
template <class Item> class WorkQueue {
public:
  /// False once the queue is closed; the item is then dropped.
  bool push(Item item) {
    {
      const std::scoped_lock lock(mutex_);
      if (closed_) {
        return false;
      }
      items_.push_back(std::move(item));
    }
    changed_.notify_one();
    return true;
  }

  /// Waits for the next item; nothing once the queue is closed.
  std::optional<Item> pop() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || !items_.empty(); });
    if (closed_) {
      return std::nullopt;
    }
    Item item = std::move(items_.front());
    items_.pop_front();
    return item;
  }

  /// Ends all waits for good and returns what nobody took.
  std::deque<Item> close() {
    std::deque<Item> left;
    {
      const std::scoped_lock lock(mutex_);
      closed_ = true;
      left.swap(items_);
    }
    changed_.notify_all();
    return left;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> items_;
  bool closed_ = false;
};

} // namespace ppocrvl
