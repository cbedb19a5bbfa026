// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace ppocrvl::layout {

/// Threads that live as long as the model. Its steps are many and short, so they are not started
/// for each, and they look for the next one for some microseconds before they sleep.
class Workers {
public:
  /// Part of a step, and which thread computes it (0 to n - 1).
  using Task = std::function<void(std::int64_t part, int thread)>;

  /// Throws Error(engine) if a thread cannot be started.
  explicit Workers(int n_threads);
  ~Workers();
  Workers(const Workers &) = delete;
  Workers &operator=(const Workers &) = delete;

  [[nodiscard]] int count() const { return static_cast<int>(threads_.size()) + 1; }

  /// All parts of a task, the calling thread's share among them. An exception in any thread ends
  /// the task and is thrown here. Not from two threads at once.
  void run(std::int64_t n_parts, const Task &task);

private:
  void work(int thread);
  void take_parts(int thread) noexcept;
  void end();

  std::mutex mutex_;
  std::condition_variable changed_; // another round, or the end
  std::condition_variable done_;
  std::atomic<std::int64_t> round_{0};
  std::atomic<int> busy_{0}; // threads that have not yet done with the round
  bool ending_ = false;

  const Task *task_ = nullptr;
  std::int64_t n_parts_ = 0;
  std::atomic<std::int64_t> next_{0};
  std::exception_ptr error_; // the first; under the mutex
  std::vector<std::thread> threads_;
};

} // namespace ppocrvl::layout
