// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ggml-internal/ggml-backend-impl.h"
#include "ggml/thread_pool.h"

namespace ppocrvl {

/// The CPU as a device whose backends compute with threads that live on. mtmd makes its CPU backend
/// itself and has no place for a pool, but takes the device that is to compute.
class PooledCpu {
public:
  /// As ThreadPool.
  explicit PooledCpu(int n_threads);
  ~PooledCpu() = default;
  PooledCpu(const PooledCpu &) = delete;
  PooledCpu &operator=(const PooledCpu &) = delete;

  /// Only for ggml_backend_dev_init: the backend that it gives belongs to ggml's own CPU device.
  /// Must outlive those backends.
  [[nodiscard]] ggml_backend_dev_t device() { return &device_; }

private:
  static ggml_backend_t start(ggml_backend_dev_t device, const char *parameters);

  int n_threads_;
  ThreadPool pool_;
  ggml_backend_device device_{};
};

} // namespace ppocrvl
