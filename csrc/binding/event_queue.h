// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <set>
#include <vector>

namespace ppocrvl::binding {

/// Carries news of many tickets to one Python thread. The engine's threads put them in without the
/// GIL, so that Python never keeps them waiting.
class EventQueue {
public:
  void push(std::uint64_t id) {
    {
      const std::scoped_lock lock(mutex_);
      ids_.insert(id);
    }
    changed_.notify_one();
  }

  std::vector<std::uint64_t> wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || !ids_.empty(); });
    std::vector<std::uint64_t> taken(ids_.begin(), ids_.end());
    ids_.clear();
    return taken;
  }

  void close() {
    {
      const std::scoped_lock lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::uint64_t> ids_;
  bool closed_ = false;
};

} // namespace ppocrvl::binding
