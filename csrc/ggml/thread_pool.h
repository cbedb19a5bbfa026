// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ggml-cpu.h"

#include <memory>

namespace ppocrvl {

/// ggml's threads that live as long as this. Without one, ggml starts and joins a team for every
/// graph, and for every part of a graph that is left to look around. They sleep between graphs, so
/// that the cores are free for others.
class ThreadPool {
public:
  /// Throws std::bad_alloc. ggml asserts that its threads start: hold an AssertionGuard.
  explicit ThreadPool(int n_threads);

  [[nodiscard]] ggml_threadpool *get() const { return pool_.get(); }

private:
  struct Free {
    void operator()(ggml_threadpool *pool) const { ggml_threadpool_free(pool); }
  };

  std::unique_ptr<ggml_threadpool, Free> pool_;
};

} // namespace ppocrvl
