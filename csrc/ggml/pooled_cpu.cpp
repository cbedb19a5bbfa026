// SPDX-License-Identifier: Apache-2.0
#include "ggml/pooled_cpu.h"

#include "ggml-cpu.h"

namespace ppocrvl {

PooledCpu::PooledCpu(int n_threads) : n_threads_(n_threads), pool_(n_threads) {
  device_.iface.get_name = [](ggml_backend_dev_t /*device*/) { return "CPU"; };
  device_.iface.init_backend = &PooledCpu::start;
  device_.context = this;
}

ggml_backend_t PooledCpu::start(ggml_backend_dev_t device, const char * /*parameters*/) {
  const auto *self = static_cast<const PooledCpu *>(device->context);
  ggml_backend_t backend = ggml_backend_cpu_init();
  if (backend != nullptr) {
    ggml_backend_cpu_set_n_threads(backend, self->n_threads_);
    ggml_backend_cpu_set_threadpool(backend, self->pool_.get());
  }
  return backend;
}

} // namespace ppocrvl
