// SPDX-License-Identifier: Apache-2.0
#include "layout/workers.h"

#include "support/error.h"

#include <system_error>

namespace ppocrvl::layout {
namespace {

constexpr int most_looks = 4000; // before a thread sleeps

} // namespace

Workers::Workers(int n_threads) {
  try {
    threads_.reserve(static_cast<std::size_t>(n_threads));
    for (int thread = 1; thread < n_threads; ++thread) {
      threads_.emplace_back([this, thread] { work(thread); });
    }
  } catch (const std::system_error &) {
    end();
    throw Error(ErrorKind::engine,
                "no more threads can be started for the layout model; use fewer threads");
  } catch (...) {
    end();
    throw;
  }
}

Workers::~Workers() { end(); }

void Workers::end() {
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
    ++round_;
  }
  changed_.notify_all();
  for (std::thread &thread : threads_) {
    thread.join();
  }
  threads_.clear();
}

void Workers::run(std::int64_t n_parts, const Task &task) {
  {
    const std::scoped_lock lock(mutex_);
    task_ = &task;
    n_parts_ = n_parts;
    next_ = 0;
    error_ = nullptr;
    busy_ = static_cast<int>(threads_.size());
    ++round_;
  }
  changed_.notify_all();
  take_parts(0);
  for (int look = 0; look < most_looks && busy_ > 0; ++look) {
  }
  std::unique_lock<std::mutex> lock(mutex_);
  done_.wait(lock, [this] { return busy_ == 0; });
  if (error_) {
    std::rethrow_exception(error_);
  }
}

void Workers::work(int thread) {
  std::int64_t round = 0;
  for (;;) {
    for (int look = 0; look < most_looks && round_ == round; ++look) {
    }
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [this, round] { return round_ != round; });
      round = round_;
      if (ending_) {
        return;
      }
    }
    take_parts(thread);
    bool is_last = false;
    {
      const std::scoped_lock lock(mutex_);
      is_last = --busy_ == 0;
    }
    if (is_last) {
      done_.notify_one();
    }
  }
}

void Workers::take_parts(int thread) noexcept {
  try {
    for (std::int64_t part = next_++; part < n_parts_; part = next_++) {
      (*task_)(part, thread);
    }
  } catch (...) {
    next_ = n_parts_;
    const std::scoped_lock lock(mutex_);
    if (!error_) {
      error_ = std::current_exception();
    }
  }
}

} // namespace ppocrvl::layout
