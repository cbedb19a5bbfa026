// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <mutex>

namespace ppocrvl {

/// What the engine's threads wait on, and what everything that gives them work rings. Shared, since
/// a ticket may outlive its engine.
struct Waker {
  std::mutex mutex; // also guards what is waited for
  std::condition_variable changed;

  void ring() {
    // Taking the lock keeps the ring from falling between a waiter's look and its sleep.
    {
      const std::scoped_lock lock(mutex);
    }
    changed.notify_all();
  }
};

} // namespace ppocrvl
