// SPDX-License-Identifier: Apache-2.0
#include "ggml-alloc.h"
#include "ggml-cpp.h"
#include "ggml/pooled_cpu.h"
#include "tests/check.h"

#include <array>
#include <atomic>
#include <cstddef>

namespace {

constexpr int n_threads = 2;
using ThreadIds = std::array<int, n_threads>;

/// Of the calling thread. The system's number is given again once a thread has ended.
int thread_id() {
  static std::atomic<int> next{1};
  thread_local const int id = next++;
  return id;
}

void note_thread(ggml_tensor *out, int index, int /*count*/, void *ids) {
  static_cast<ThreadIds *>(ids)->at(static_cast<std::size_t>(index)) = thread_id();
  static_cast<float *>(out->data)[index] = static_cast<float>(index + 1);
}

/// A graph of one node, which notes the threads that compute it.
class Graph {
public:
  explicit Graph(ggml_backend_t backend)
      : backend_(backend), context_(ggml_init({std::size_t{1} << 20U, nullptr, true})),
        graph_(ggml_new_graph(context_.get())) {
    std::array<ggml_tensor *, 1> none{nullptr};
    out_ = ggml_custom_4d(context_.get(), GGML_TYPE_F32, n_threads, 1, 1, 1, none.data(), 0,
                          note_thread, n_threads, &ids_);
    ggml_build_forward_expand(graph_, out_);
    buffer_.reset(ggml_backend_alloc_ctx_tensors(context_.get(), backend));
  }

  ThreadIds computed() {
    CHECK(ggml_backend_graph_compute(backend_, graph_) == GGML_STATUS_SUCCESS);
    std::array<float, n_threads> values{};
    ggml_backend_tensor_get(out_, values.data(), 0, sizeof values);
    CHECK((values == std::array<float, n_threads>{1.0F, 2.0F}));
    return ids_;
  }

private:
  ggml_backend_t backend_;
  ggml_context_ptr context_;
  ggml_backend_buffer_ptr buffer_;
  ggml_cgraph *graph_;
  ggml_tensor *out_ = nullptr;
  ThreadIds ids_{};
};

} // namespace

TEST_CASE("pooled CPU: one team computes all graphs, and the calling thread is of it") {
  ppocrvl::PooledCpu cpu(n_threads);
  const ggml_backend_ptr backend(ggml_backend_dev_init(cpu.device(), nullptr));
  CHECK(backend != nullptr);
  CHECK(ggml_backend_is_cpu(backend.get()));
  Graph graph(backend.get());
  const ThreadIds first = graph.computed();
  CHECK_EQUAL(first[0], thread_id());
  CHECK(first[1] != first[0]);
  CHECK(graph.computed() == first);
}
