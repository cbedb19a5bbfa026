// SPDX-License-Identifier: Apache-2.0
#include "ggml-internal/ggml-impl.h"
#include "mtmd/panel_graph.h"
#include "tests/check.h"
#include "tests/kernels/tested_kernels.h"

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

using ppocrvl::multiply_adds_of;
using ppocrvl::PanelGraph;
using ppocrvl::StripPicture;
using ppocrvl::kernels::Kernels;

namespace {

constexpr std::int64_t n_features = 64;
constexpr std::int64_t d_head = 32;
constexpr std::int64_t n_patches = 128;

struct Free {
  void operator()(ggml_context *context) const { ggml_free(context); }
};

/// A graph that nobody computes.
struct Fixture {
  std::unique_ptr<ggml_context, Free> context{ggml_init({std::size_t{1} << 20U, nullptr, true})};
  ggml_tensor *weight = matrix(n_features, 3 * n_features);
  ggml_tensor *bias = matrix(3 * n_features, 1);

  [[nodiscard]] ggml_tensor *matrix(std::int64_t ne0, std::int64_t ne1) const {
    return ggml_new_tensor_2d(context.get(), GGML_TYPE_F32, ne0, ne1);
  }
};

double elements(const ggml_tensor *node) { return static_cast<double>(ggml_nelements(node)); }

} // namespace

TEST_CASE("panel graph: each node says how much it computes") {
  for (const Kernels &kernels : ppocrvl::test::tested_kernels()) {
    const Fixture with;
    PanelGraph graph(with.context.get(), *kernels.vision, nullptr, nullptr);
    ggml_tensor *panels = graph.to_panels(with.matrix(n_features, n_patches));
    ggml_tensor *normed = graph.norm(panels, with.bias, with.bias, 1e-6F);
    ggml_tensor *qkv = graph.linear_qkv({{with.weight, with.bias}}, normed, n_patches);
    ggml_tensor *positions = ggml_new_tensor_1d(with.context.get(), GGML_TYPE_I32, 4 * n_patches);
    ggml_tensor *angles = graph.angles(positions, d_head, n_patches);
    const ggml_tensor *attended = graph.attention(qkv, angles, d_head, n_patches);
    // What reads each element once, however many sources it has.
    for (const ggml_tensor *node : {
             panels,
             normed,
             angles,
             graph.from_panels(panels, n_patches),
             graph.gelu_erf(panels),
             graph.to_operand(panels),
         }) {
      CHECK_EQUAL(multiply_adds_of(*node), elements(node));
    }
    for (const ggml_tensor *node : {
             qkv,
             graph.linear({{with.weight, with.bias}}, normed, n_patches, qkv),
             graph.linear_gelu({with.weight, with.bias}, normed, n_patches),
         }) {
      CHECK_EQUAL(multiply_adds_of(*node), elements(node) * n_features);
    }
    // Scores, and the mean of values, over all keys.
    CHECK_EQUAL(multiply_adds_of(*attended), elements(attended) * 2 * n_patches);
  }
}

TEST_CASE("panel graph: attention in a strip is over each picture's own keys") {
  const std::vector<StripPicture> strip{{0, 8, 12}, {96, 4, 8}};
  for (const Kernels &kernels : ppocrvl::test::tested_kernels()) {
    const Fixture with;
    PanelGraph graph(with.context.get(), *kernels.vision, nullptr, &strip);
    ggml_tensor *qkv = graph.to_panels(with.matrix(3 * n_features, n_patches));
    ggml_tensor *positions = ggml_new_tensor_1d(with.context.get(), GGML_TYPE_I32, 4 * n_patches);
    const ggml_tensor *attended =
        graph.attention(qkv, graph.angles(positions, d_head, n_patches), d_head, n_patches);
    CHECK_EQUAL(multiply_adds_of(*attended),
                elements(attended) * 2 * (96 * 96 + 32 * 32) / n_patches);
  }
}

TEST_CASE("panel graph: what a node needs leaves ggml's own parameters alone") {
  for (const Kernels &kernels : ppocrvl::test::tested_kernels()) {
    const Fixture with;
    PanelGraph graph(with.context.get(), *kernels.vision, nullptr, nullptr);
    const ggml_tensor *node = graph.to_panels(with.matrix(n_features, n_patches));
    ggml_custom_op_params params{};
    std::memcpy(&params, node->op_params, sizeof params);
    CHECK(params.fun != nullptr);
    CHECK_EQUAL(params.n_tasks, GGML_N_TASKS_MAX);
    CHECK(params.userdata == nullptr);
  }
}
