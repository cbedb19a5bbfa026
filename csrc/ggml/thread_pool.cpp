// SPDX-License-Identifier: Apache-2.0
#include "ggml/thread_pool.h"

#include <new>

namespace ppocrvl {

ThreadPool::ThreadPool(int n_threads) {
  ggml_threadpool_params params = ggml_threadpool_params_default(n_threads);
  params.poll = 0; // sleep at once: the encoder's and the decoder's threads share the cores
  pool_.reset(ggml_threadpool_new(&params));
  if (!pool_) {
    throw std::bad_alloc();
  }
}

} // namespace ppocrvl
