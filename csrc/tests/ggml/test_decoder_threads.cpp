// SPDX-License-Identifier: Apache-2.0
//
// ggml's graphs with our kernels inside them.
#include "ggml-alloc.h"
#include "ggml-backend.h"
#include "ggml-cpu.h"
#include "ggml/decoder_threads.h"
#include "ggml/weight_matrix.h"
#include "kernels/kernels.h"
#include "tests/check.h"
#include "tests/kernels/tested_kernels.h"
#include "tests/repacking.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace {

using ppocrvl::DecoderThreads;
using ppocrvl::kernels::DecoderKernels;
using ppocrvl::kernels::Kernels;

constexpr int n_threads = 2;

struct FreeGgml {
  void operator()(ggml_context *context) const { ggml_free(context); }
  void operator()(ggml_backend *backend) const { ggml_backend_free(backend); }
  void operator()(ggml_backend_buffer *buffer) const { ggml_backend_buffer_free(buffer); }
};

void fill(ggml_tensor *tensor, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> values(static_cast<std::size_t>(ggml_nelements(tensor)));
  std::generate(values.begin(), values.end(),
                [&] { return static_cast<float>(static_cast<int>(random() % 129U) - 64) / 64.0F; });
  std::vector<std::byte> bytes(ggml_nbytes(tensor));
  ggml_quantize_chunk(tensor->type, values.data(), bytes.data(), 0,
                      ggml_nelements(tensor) / tensor->ne[0], tensor->ne[0], nullptr);
  ggml_backend_tensor_set(tensor, bytes.data(), 0, bytes.size());
}

/// One operation with its sources, as a decoder's graph has it.
class Graph {
public:
  Graph() : context_(ggml_init({std::size_t{1} << 20U, nullptr, true})) {}

  /// Weights [256, 72] of a type times some tokens. They lie in a buffer of the kind named, unless
  /// that is null.
  static Graph product(ggml_type type, std::int64_t n_tokens,
                       ggml_backend_buffer_type_t kind = nullptr) {
    Graph graph;
    ggml_tensor *weight = ggml_new_tensor_2d(graph.context_.get(), type, 256, 72);
    if (kind != nullptr) {
      const std::size_t size = ggml_backend_buft_get_alloc_size(kind, weight);
      graph.weights_.reset(ggml_backend_buft_alloc_buffer(kind, size));
      ggml_backend_buffer_set_usage(graph.weights_.get(), GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
      ggml_backend_tensor_alloc(graph.weights_.get(), weight,
                                ggml_backend_buffer_get_base(graph.weights_.get()));
    }
    ggml_tensor *in = ggml_new_tensor_2d(graph.context_.get(), GGML_TYPE_F32, 256, n_tokens);
    graph.finish(ggml_mul_mat(graph.context_.get(), weight, in), {weight, in});
    return graph;
  }

  /// Tokens of so many requests by turns, which share 100 cells.
  static Graph attention(std::int64_t n_tokens, std::int64_t n_requests, ggml_type cache_type) {
    constexpr std::int64_t d_head = 64;
    Graph graph;
    ggml_context *context = graph.context_.get();
    ggml_tensor *queries = ggml_new_tensor_3d(context, GGML_TYPE_F32, d_head, n_tokens, 4);
    ggml_tensor *keys = ggml_new_tensor_3d(context, cache_type, d_head, 100, 2);
    ggml_tensor *values = ggml_new_tensor_3d(context, cache_type, d_head, 100, 2);
    ggml_tensor *mask = ggml_new_tensor_2d(context, GGML_TYPE_F16, 100, n_tokens);
    graph.finish(ggml_flash_attn_ext(context, queries, keys, values, mask, 0.125F, 0.0F, 0.0F),
                 {queries, keys, values});
    std::vector<ggml_fp16_t> seen(static_cast<std::size_t>(ggml_nelements(mask)));
    for (std::int64_t i = 0; i < ggml_nelements(mask); ++i) {
      const bool is_own = i % 100 % n_requests == i / 100 % n_requests;
      seen[static_cast<std::size_t>(i)] = ggml_fp32_to_fp16(is_own ? 0.0F : -INFINITY);
    }
    ggml_backend_tensor_set(mask, seen.data(), 0, ggml_nbytes(mask));
    return graph;
  }

  std::vector<float> computed(const DecoderThreads *threads) {
    ggml_backend_cpu_set_threadpool(backend_.get(), threads == nullptr ? nullptr : threads->pool());
    const DecoderThreads::Use use(threads);
    CHECK(ggml_backend_graph_compute(backend_.get(), graph_) == GGML_STATUS_SUCCESS);
    ggml_backend_cpu_set_threadpool(backend_.get(), nullptr);
    std::vector<float> values(static_cast<std::size_t>(ggml_nelements(out_)));
    ggml_backend_tensor_get(out_, values.data(), 0, ggml_nbytes(out_));
    return values;
  }

private:
  void finish(ggml_tensor *out, const std::vector<ggml_tensor *> &sources) {
    out_ = out;
    graph_ = ggml_new_graph(context_.get());
    ggml_build_forward_expand(graph_, out);
    backend_.reset(ggml_backend_cpu_init());
    ggml_backend_cpu_set_n_threads(backend_.get(), n_threads);
    buffer_.reset(ggml_backend_alloc_ctx_tensors(context_.get(), backend_.get()));
    unsigned seed = 0;
    for (ggml_tensor *source : sources) {
      fill(source, seed++);
    }
  }

  std::unique_ptr<ggml_context, FreeGgml> context_;
  std::unique_ptr<ggml_backend, FreeGgml> backend_;
  std::unique_ptr<ggml_backend_buffer, FreeGgml> weights_;
  std::unique_ptr<ggml_backend_buffer, FreeGgml> buffer_;
  ggml_cgraph *graph_ = nullptr;
  ggml_tensor *out_ = nullptr;
};

float greatest_difference(const std::vector<float> &a, const std::vector<float> &b) {
  float most = 0.0F;
  for (std::size_t i = 0; i < a.size(); ++i) {
    most = std::fabs(a[i] - b[i]) <= most ? most : std::fabs(a[i] - b[i]); // NaN stays
  }
  return most;
}

/// Whether our kernels compute a product with a plain weight.
bool is_ours(const DecoderKernels &kernels, ggml_type type, std::int64_t n_tokens) {
  if (type == GGML_TYPE_F32 || (!kernels.has_tiles && kernels.few_tokens == nullptr)) {
    return false;
  }
  if (type == GGML_TYPE_BF16 || (type == GGML_TYPE_Q8_0 && kernels.has_plain_q8_0)) {
    return true;
  }
  const std::int64_t least = kernels.has_tiles ? 3 : kernels.least_decoded;
  return kernels.operands.is_bf16 && n_tokens >= least;
}

/// Whether ggml holds Q4_K in the order that our kernels read: on x86-64 wherever they do, on ARM
/// if it was compiled for I8MM.
bool has_known_order(ggml_backend_buffer_type_t kind) {
  const std::unique_ptr<ggml_context, FreeGgml> context(
      ggml_init({ggml_tensor_overhead(), nullptr, true}));
  ggml_tensor *weight = ggml_new_tensor_2d(context.get(), GGML_TYPE_Q4_K, 256, 72);
  const std::unique_ptr<ggml_backend_buffer, FreeGgml> buffer(
      ggml_backend_buft_alloc_buffer(kind, ggml_backend_buft_get_alloc_size(kind, weight)));
  ggml_backend_tensor_alloc(buffer.get(), weight, ggml_backend_buffer_get_base(buffer.get()));
  return ppocrvl::has_8_rows_as_one(*weight);
}

} // namespace

TEST_CASE("decoder threads: products are those of ggml, whoever computes them") {
  for (const Kernels &tested : ppocrvl::test::tested_kernels()) {
    const DecoderKernels &kernels = *tested.decoder;
    const DecoderThreads threads(kernels, n_threads);
    for (const ggml_type type : {GGML_TYPE_BF16, GGML_TYPE_Q8_0, GGML_TYPE_Q6_K, GGML_TYPE_F32}) {
      for (const std::int64_t n_tokens : {1, 2, 3, 8, 9, 40, 100}) {
        Graph graph = Graph::product(type, n_tokens);
        const auto by_ggml = graph.computed(nullptr);
        const auto by_us = graph.computed(&threads);
        const bool is_taken = is_ours(kernels, type, n_tokens);
        // Results are up to 40 or so; ggml's own rounding of quantized products is coarse.
        CHECK(greatest_difference(by_ggml, by_us) < (is_taken ? 0.3F : 1e-30F));
        CHECK(!is_taken || type == GGML_TYPE_BF16 || by_ggml != by_us);
      }
    }
  }
}

TEST_CASE("decoder threads: weights in ggml's own order are read as they are") {
  ggml_backend_buffer_type_t kind = ppocrvl::test::repacking();
  for (const Kernels &tested : ppocrvl::test::tested_kernels()) {
    const DecoderKernels &kernels = *tested.decoder;
    if (!kernels.operands.is_bf16) {
      continue;
    }
    CHECK(kind != nullptr);
#ifndef __x86_64__
    if (!has_known_order(kind)) {
      continue;
    }
#endif
    CHECK(has_known_order(kind));
    const DecoderThreads threads(kernels, n_threads);
    const std::int64_t least =
        kernels.has_tiles ? 5 : std::max(std::int64_t{3}, kernels.least_decoded);
    for (const std::int64_t n_tokens : {1, 2, 3, 4, 5, 8, 40}) {
      Graph plain = Graph::product(GGML_TYPE_Q4_K, n_tokens);
      Graph graph = Graph::product(GGML_TYPE_Q4_K, n_tokens, kind);
      const auto by_ggml = graph.computed(nullptr);
      const auto by_us = graph.computed(&threads);
      CHECK(greatest_difference(by_ggml, by_us) < 0.3F);
      CHECK(n_tokens < least ? by_us == by_ggml : by_us == plain.computed(&threads));
    }
  }
}

TEST_CASE("decoder threads: attention is that of ggml, whoever computes it") {
  for (const Kernels &tested : ppocrvl::test::tested_kernels()) {
    const DecoderKernels &kernels = *tested.decoder;
    const DecoderThreads threads(kernels, n_threads);
    for (const ggml_type type : {GGML_TYPE_F16, GGML_TYPE_F32}) {
      for (const std::int64_t n_tokens : {1, 15, 16, 70}) {
        for (const std::int64_t n_requests : {1, 5}) {
          Graph graph = Graph::attention(n_tokens, n_requests, type);
          const auto by_ggml = graph.computed(nullptr);
          const auto by_us = graph.computed(&threads);
          const bool is_taken =
              type == GGML_TYPE_F16 && (n_tokens >= 16 || kernels.few_queries != nullptr);
          CHECK(greatest_difference(by_ggml, by_us) < (is_taken ? 1e-2F : 1e-30F));
          CHECK(!is_taken || by_ggml != by_us);
        }
      }
    }
  }
}

TEST_CASE("decoder threads: graphs of others are ggml's meanwhile") {
  const auto &tested = ppocrvl::test::tested_kernels();
  if (tested.empty()) {
    return;
  }
  const DecoderThreads threads(*tested.front().decoder, n_threads);
  Graph ours = Graph::product(GGML_TYPE_Q8_0, 40);
  Graph theirs = Graph::product(GGML_TYPE_Q8_0, 40);
  const auto by_us = ours.computed(&threads);
  const auto by_ggml = theirs.computed(nullptr);
  std::atomic<int> n_wrong{0};
  const auto repeat = [&](Graph &graph, const DecoderThreads *with, const auto &wanted) {
    for (int i = 0; i < 200; ++i) {
      n_wrong += graph.computed(with) == wanted ? 0 : 1;
    }
  };
  std::thread other([&] { repeat(theirs, nullptr, by_ggml); });
  repeat(ours, &threads, by_us);
  other.join();
  CHECK_EQUAL(n_wrong.load(), 0);
}
