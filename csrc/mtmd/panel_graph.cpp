// SPDX-License-Identifier: Apache-2.0
#include "mtmd/panel_graph.h"

#include "ggml-backend.h"
#include "ggml-internal/ggml-impl.h"
#include "ggml/weight_matrix.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <memory>

namespace ppocrvl {

namespace {

using kernels::lanes;
using kernels::Matrix;
using kernels::VisionKernels;

using Numbers = std::array<int32_t, 3>;

/// What a node needs beside its sources, and how much it computes. Lies in the space that ggml
/// leaves behind its own parameters.
struct Extra {
  const VisionKernels *kernels = nullptr;
  const std::vector<StripPicture> *strip = nullptr;
  const kernels::Scratch *scratch = nullptr;
  Numbers numbers{};
  float multiply_adds = 0.0F;
};
constexpr std::size_t extra_at = sizeof(ggml_custom_op_params);
static_assert(extra_at + sizeof(Extra) <= sizeof(ggml_tensor::op_params));

Extra extra_of(const ggml_tensor &node) {
  Extra extra;
  std::memcpy(&extra, reinterpret_cast<const std::byte *>(node.op_params) + extra_at, sizeof extra);
  return extra;
}

const std::vector<StripPicture> *strip_of(const ggml_tensor &node) { return extra_of(node).strip; }

Numbers numbers_of(const ggml_tensor &node) { return extra_of(node).numbers; }

void *scratch_of(const ggml_tensor *node, int thread) {
  return extra_of(*node).scratch->of(thread);
}

const VisionKernels &kernels_of(const ggml_tensor *node) { return *extra_of(*node).kernels; }

const float *floats(const ggml_tensor *tensor) { return static_cast<const float *>(tensor->data); }

/// Where panels begin. ggml aligns tensors to 32 bytes; a load across two cache lines takes twice
/// as long, so every tensor of panels has space for one more and begins at a multiple of 64 bytes.
void *panels_in(const ggml_tensor *tensor) {
  constexpr std::size_t line = 64;
  void *begin = tensor->data;
  std::size_t space = ggml_nbytes(tensor);
  return std::align(line, space - line, begin, space);
}

float *float_panels_in(const ggml_tensor *tensor) {
  return static_cast<float *>(panels_in(tensor));
}

/// Features of float panels.
int64_t features(const ggml_tensor *panels) { return panels->ne[1]; }

int64_t n_panels(const ggml_tensor *panels) { return panels->ne[2] - 1; }

Matrix matrix_of(const ggml_tensor &weight, const ggml_tensor &bias) {
  Matrix matrix = ppocrvl::matrix_of(weight);
  matrix.bias = floats(&bias);
  return matrix;
}

// Sources: the input, pairs of weight and bias, and perhaps the residual.
kernels::Linear linear_of(const ggml_tensor &node, std::array<Matrix, 3> &matrices) {
  kernels::Linear task{};
  task.matrices = matrices.data();
  int source = 1;
  for (; node.src[source] != nullptr && node.src[source + 1] != nullptr; source += 2) {
    matrices.at(static_cast<std::size_t>(task.n_matrices++)) =
        matrix_of(*node.src[source], *node.src[source + 1]);
  }
  task.n_tokens = numbers_of(node)[0];
  task.in = panels_in(node.src[0]);
  const ggml_tensor *residual = node.src[source];
  task.residual = residual != nullptr ? float_panels_in(residual) : nullptr;
  return task;
}

template <bool is_inner> void run_linear(ggml_tensor *out, int index, int count, void * /*user*/) {
  std::array<Matrix, 3> matrices{};
  kernels::Linear task = linear_of(*out, matrices);
  task.out = float_panels_in(out);
  const kernels::VisionKernels &kernels = kernels_of(out);
  const kernels::LinearKernel &kernel = is_inner ? kernels.inner_linear : kernels.linear;
  kernel.run(task, {index, count}, scratch_of(out, index));
}

void run_linear_gelu(ggml_tensor *out, int index, int count, void * /*user*/) {
  std::array<Matrix, 3> matrices{};
  kernels::Linear task = linear_of(*out, matrices);
  task.out_operand = panels_in(out);
  kernels_of(out).inner_linear.run(task, {index, count}, scratch_of(out, index));
}

void run_norm(ggml_tensor *out, int index, int count, void * /*user*/) {
  const ggml_tensor *in = out->src[0];
  kernels::Norm task{};
  task.in = float_panels_in(in);
  task.weight = floats(out->src[1]);
  task.bias = floats(out->src[2]);
  const int32_t epsilon = numbers_of(*out)[0];
  std::memcpy(&task.epsilon, &epsilon, sizeof task.epsilon);
  task.n_features = features(in);
  task.n_panels = n_panels(in);
  task.out = panels_in(out);
  kernels_of(out).norm(task, {index, count});
}

void run_to_panels(ggml_tensor *out, int index, int count, void * /*user*/) {
  const ggml_tensor *in = out->src[0];
  kernels_of(out).to_panels(floats(in), float_panels_in(out), in->ne[0], in->ne[1], {index, count});
}

void run_from_panels(ggml_tensor *out, int index, int count, void * /*user*/) {
  kernels_of(out).from_panels(float_panels_in(out->src[0]), static_cast<float *>(out->data),
                              out->ne[0], out->ne[1], {index, count});
}

/// x / 2 * (1 + erf(x / sqrt(2))), the projector's activation.
void run_gelu_erf(ggml_tensor *out, int index, int count, void * /*user*/) {
  constexpr float sqrt_half = 0.70710678F;
  const ggml_tensor *in = out->src[0];
  const int64_t n_values = lanes * features(in) * n_panels(in);
  const float *values = float_panels_in(in);
  float *results = float_panels_in(out);
  for (int64_t i = n_values * index / count; i < n_values * (index + 1) / count; ++i) {
    results[i] = 0.5F * values[i] * (1.0F + std::erf(values[i] * sqrt_half));
  }
}

void run_to_operand(ggml_tensor *out, int index, int count, void * /*user*/) {
  const ggml_tensor *in = out->src[0];
  kernels_of(out).to_operand(float_panels_in(in), panels_in(out), features(in), n_panels(in),
                             {index, count});
}

/// The angles are the reference's: float32 inverse frequencies 10000^(-i / (d_head / 4)), the first
/// half for the row, the second for the column.
void run_angles(ggml_tensor *out, int index, int count, void * /*user*/) {
  constexpr float theta = 10000.0F;
  const auto *positions = static_cast<const int32_t *>(out->src[0]->data);
  const int64_t d_head = features(out);
  const int64_t n_patches = numbers_of(*out)[0];
  const int64_t quarter = d_head / 4;
  float *values = float_panels_in(out);
  for (int64_t panel = index; panel < n_panels(out); panel += count) {
    for (int64_t axis = 0; axis < 2; ++axis) {
      for (int64_t i = 0; i < quarter; ++i) {
        const float frequency =
            1.0F / std::pow(theta, static_cast<float>(i) / static_cast<float>(quarter));
        float *cosines = values + (panel * d_head + axis * quarter + i) * lanes;
        float *sines = cosines + 2 * quarter * lanes;
        for (int64_t lane = 0; lane < lanes; ++lane) {
          const int64_t patch = panel * lanes + lane;
          const float position =
              patch < n_patches ? static_cast<float>(positions[axis * n_patches + patch]) : 0.0F;
          cosines[lane] = std::cos(position * frequency);
          sines[lane] = std::sin(position * frequency);
        }
      }
    }
  }
}

void run_rotate(ggml_tensor *out, int index, int count, void * /*user*/) {
  const ggml_tensor *qkv = out->src[0];
  const ggml_tensor *angles = out->src[1];
  kernels::Rotate task{};
  task.qkv = float_panels_in(qkv);
  task.angles = float_panels_in(angles);
  task.d_head = features(angles);
  task.n_heads = features(qkv) / 3 / task.d_head;
  task.n_panels = n_panels(qkv);
  task.out = panels_in(out);
  kernels_of(out).rotate(task, {index, count}, scratch_of(out, index));
}

/// The pictures of a strip, or the only one. Takes no memory: each thread makes them.
struct Segments {
  Segments(const std::vector<StripPicture> *strip, int64_t n_patches) {
    if (strip == nullptr) {
      all[size++] = {0, kernels::panels_of(n_patches), n_patches};
      return;
    }
    for (const StripPicture &picture : *strip) {
      const int64_t n = picture.n_patches();
      all.at(size++) = {picture.first_patch / lanes, kernels::panels_of(n), n};
    }
  }

  std::array<kernels::Segment, most_strip_pictures> all{};
  std::size_t size = 0;
};

void run_attention(ggml_tensor *out, int index, int count, void * /*user*/) {
  const auto [n_heads, d_head, n_patches] = numbers_of(*out);
  const Segments segments(strip_of(*out), n_patches);
  kernels::Attention task{};
  task.heads = panels_in(out->src[0]);
  task.n_heads = n_heads;
  task.d_head = d_head;
  task.n_panels = n_panels(out);
  task.segments = segments.all.data();
  task.n_segments = static_cast<int64_t>(segments.size);
  task.out = panels_in(out);
  kernels_of(out).attention(task, {index, count}, scratch_of(out, index));
}

void run_strip_positions(ggml_tensor *out, int index, int /*count*/, void * /*user*/) {
  if (index != 0) {
    return;
  }
  const int64_t n_patches = out->ne[0];
  auto *positions = static_cast<int32_t *>(out->data);
  std::fill_n(positions, ggml_nelements(out), 0); // between the pictures too
  for (const StripPicture &picture : *strip_of(*out)) {
    for (int64_t i = 0; i < picture.n_patches(); ++i) {
      const auto [row, col] = picture.place_of(i);
      positions[picture.first_patch + i] = static_cast<int32_t>(row);
      positions[n_patches + picture.first_patch + i] = static_cast<int32_t>(col);
    }
  }
}

// Sources: the patches, and embeddings of as many pictures, from one on.
void run_add_strip_embeddings(ggml_tensor *out, int index, int count, void * /*user*/) {
  const std::vector<StripPicture> &pictures = *strip_of(*out);
  const int64_t first_picture = numbers_of(*out)[0];
  const int64_t n_features = out->ne[0];
  const int64_t begin = out->ne[1] * index / count;
  const int64_t end = out->ne[1] * (index + 1) / count;
  auto *results = static_cast<float *>(out->data);
  std::copy(floats(out->src[0]) + begin * n_features, floats(out->src[0]) + end * n_features,
            results + begin * n_features);
  for (int source = 1; source < GGML_MAX_SRC && out->src[source] != nullptr; ++source) {
    const StripPicture &picture = pictures[static_cast<size_t>(first_picture + source - 1)];
    const int64_t last = std::min(end, picture.first_patch + picture.n_patches());
    for (int64_t i = std::max(begin, picture.first_patch); i < last; ++i) {
      const auto [row, col] = picture.place_of(i - picture.first_patch);
      const float *embedding = floats(out->src[source]) + (row * picture.cols + col) * n_features;
      for (int64_t f = 0; f < n_features; ++f) {
        results[i * n_features + f] += embedding[f];
      }
    }
  }
}

} // namespace

PanelGraph::PanelGraph(ggml_context *context, const VisionKernels &kernels,
                       const kernels::Scratch *scratch, const std::vector<StripPicture> *strip)
    : context_(context), kernels_(kernels), scratch_(scratch), strip_(strip) {}

ggml_tensor *PanelGraph::add(ggml_type type, int64_t ne0, int64_t ne1, int64_t ne2,
                             const std::vector<ggml_tensor *> &sources, const Operation &operation,
                             std::initializer_list<int64_t> numbers) {
  std::array<ggml_tensor *, GGML_MAX_SRC> list{};
  std::copy(sources.begin(), sources.end(), list.begin());
  ggml_tensor *node = ggml_custom_4d(context_, type, ne0, ne1, ne2, 1, list.data(),
                                     static_cast<int>(sources.size()), operation.function,
                                     GGML_N_TASKS_MAX, /*userdata=*/nullptr);
  ggml_set_name(node, operation.name);
  Extra extra{&kernels_, strip_, scratch_, {}, 0.0F};
  std::transform(numbers.begin(), numbers.end(), extra.numbers.begin(),
                 [](int64_t number) { return static_cast<int32_t>(number); });
  extra.multiply_adds = operation.terms * static_cast<float>(ggml_nelements(node));
  std::memcpy(reinterpret_cast<std::byte *>(node->op_params) + extra_at, &extra, sizeof extra);
  return node;
}

ggml_tensor *PanelGraph::strip_positions(ggml_tensor *positions) {
  constexpr int64_t axes = 2; // of the input's four planes
  return add(GGML_TYPE_I32, positions->ne[0] / 4, axes, 1, {positions},
             {"strip_positions", run_strip_positions});
}

ggml_tensor *PanelGraph::add_strip_embeddings(ggml_tensor *patches,
                                              const std::vector<ggml_tensor *> &embeddings) {
  constexpr size_t most =
      GGML_MAX_SRC - 2; // ggml wants one place to stay free, one has the patches
  for (size_t first = 0; first < embeddings.size(); first += most) {
    std::vector<ggml_tensor *> sources{patches};
    for (size_t i = first; i < std::min(first + most, embeddings.size()); ++i) {
      sources.push_back(embeddings[i]);
    }
    patches =
        add(GGML_TYPE_F32, patches->ne[0], patches->ne[1], 1, sources,
            {"add_strip_embeddings", run_add_strip_embeddings}, {static_cast<int64_t>(first)});
  }
  return patches;
}

ggml_tensor *PanelGraph::to_panels(ggml_tensor *in) {
  return add(GGML_TYPE_F32, lanes, in->ne[0], kernels::panels_of(in->ne[1]) + 1, {in},
             {"to_panels", run_to_panels});
}

ggml_tensor *PanelGraph::from_panels(ggml_tensor *in, int64_t n_rows) {
  return add(GGML_TYPE_F32, features(in), n_rows, 1, {in}, {"from_panels", run_from_panels});
}

ggml_tensor *PanelGraph::gelu_erf(ggml_tensor *in) {
  return add(GGML_TYPE_F32, lanes, features(in), in->ne[2], {in}, {"gelu_erf", run_gelu_erf});
}

namespace {

ggml_type operand_type(const VisionKernels &kernels) {
  return kernels.operands.is_bf16 ? GGML_TYPE_BF16 : GGML_TYPE_F32;
}

/// Multiply-adds of an element of a linear layer.
float terms_of(const LinearWeights &layer) { return static_cast<float>(layer.weight->ne[0]); }

/// How many keys a query sees, over all of a strip or of the only picture.
float mean_keys(const std::vector<StripPicture> *strip, int64_t n_patches) {
  float pairs = 0.0F;
  const Segments segments(strip, n_patches);
  for (std::size_t i = 0; i < segments.size; ++i) {
    const auto n = static_cast<float>(segments.all.at(i).n_patches);
    pairs += n * n;
  }
  return pairs / static_cast<float>(n_patches);
}

} // namespace

ggml_tensor *PanelGraph::to_operand(ggml_tensor *in) {
  return add(operand_type(kernels_), lanes,
             kernels::operand_rows(kernels_.operands.is_bf16, features(in)), in->ne[2], {in},
             {"to_operand", run_to_operand});
}

ggml_tensor *PanelGraph::norm(ggml_tensor *in, ggml_tensor *weight, ggml_tensor *bias,
                              float epsilon) {
  int32_t bits = 0;
  std::memcpy(&bits, &epsilon, sizeof epsilon);
  return add(operand_type(kernels_), lanes,
             kernels::operand_rows(kernels_.operands.is_bf16, features(in)), in->ne[2],
             {in, weight, bias}, {"norm", run_norm}, {bits});
}

ggml_tensor *PanelGraph::linear(std::initializer_list<LinearWeights> layers, ggml_tensor *in,
                                int64_t n_tokens, ggml_tensor *residual) {
  const char *name = residual == nullptr ? "linear" : "linear_add";
  return add_linear(layers, in, residual, {name, run_linear<false>}, n_tokens);
}

ggml_tensor *PanelGraph::linear_qkv(std::initializer_list<LinearWeights> layers, ggml_tensor *in,
                                    int64_t n_patches) {
  return add_linear(layers, in, nullptr, {"linear_qkv", run_linear<true>}, n_patches);
}

ggml_tensor *PanelGraph::add_linear(std::initializer_list<LinearWeights> layers, ggml_tensor *in,
                                    ggml_tensor *residual, Operation operation, int64_t n_tokens) {
  std::vector<ggml_tensor *> sources{in};
  int64_t rows = 0;
  for (const LinearWeights &layer : layers) {
    sources.insert(sources.end(), {layer.weight, layer.bias});
    rows += layer.weight->ne[1];
  }
  if (residual != nullptr) {
    sources.push_back(residual);
  }
  operation.terms = terms_of(*layers.begin());
  return add(GGML_TYPE_F32, lanes, rows, in->ne[2], sources, operation, {n_tokens});
}

ggml_tensor *PanelGraph::linear_gelu(const LinearWeights &layer, ggml_tensor *in,
                                     int64_t n_patches) {
  return add(operand_type(kernels_), lanes,
             kernels::operand_rows(kernels_.operands.is_bf16, layer.weight->ne[1]), in->ne[2],
             {in, layer.weight, layer.bias}, {"linear_gelu", run_linear_gelu, terms_of(layer)},
             {n_patches});
}

ggml_tensor *PanelGraph::angles(ggml_tensor *positions, int64_t d_head, int64_t n_patches) {
  return add(GGML_TYPE_F32, lanes, d_head, kernels::panels_of(n_patches) + 1, {positions},
             {"angles", run_angles}, {n_patches});
}

ggml_tensor *PanelGraph::attention(ggml_tensor *qkv, ggml_tensor *angles, int64_t d_head,
                                   int64_t n_patches) {
  const int64_t n_features = features(qkv) / 3;
  const int64_t n_heads = n_features / d_head;
  // And a cache line, for the alignment.
  const int64_t n_elements =
      kernels::heads_elements(kernels_.operands, n_heads, d_head, n_panels(qkv)) + 2 * lanes;
  ggml_tensor *heads =
      add(operand_type(kernels_), n_elements, 1, 1, {qkv, angles}, {"rotate", run_rotate});
  return add(operand_type(kernels_), lanes,
             kernels::operand_rows(kernels_.operands.is_bf16, n_features), qkv->ne[2], {heads},
             {"attention", run_attention, 2 * mean_keys(strip_, n_patches)},
             {n_heads, d_head, n_patches});
}

double multiply_adds_of(const ggml_tensor &node) { return extra_of(node).multiply_adds; }

} // namespace ppocrvl
