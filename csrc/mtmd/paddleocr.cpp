// SPDX-License-Identifier: Apache-2.0
//
// The vision graph of PaddleOCR-VL as the model's reference computes it: compiled into mtmd in
// place of upstream's models/paddleocr.cpp, whose class declaration (models/models.h) it
// implements.
//
// Where upstream's graph differs from the reference:
//   * the learned position embedding is resized with antialiasing; the reference does not,
//   * the projector's activation follows the encoder's tanh GELU; the reference has the erf GELU,
//   * pixels are rounded to float16,
//   * on a CPU, the encoder's GELU is a float16 table,
//   * flash attention rounds keys and values to float16; without it, all scores
//     (4 * heads * patches^2 bytes) are held at once.
#include "models/models.h"
#include "mtmd/gelu_tanh.h"
#include "mtmd/panel_graph.h"
#include "mtmd/vision_graph.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

namespace kernels = ppocrvl::kernels;
using ppocrvl::PanelGraph;
using ppocrvl::VisionDeviation;
using ppocrvl::VisionGraphOptions;
using ppocrvl::VisionPrecision;
using StripPictures = std::vector<ppocrvl::StripPicture>;

thread_local VisionGraphOptions thread_options; // read by `build` alone
std::atomic<VisionDeviation> test_deviation{VisionDeviation::none};

// Rotary embedding of the encoder: half of each head's pairs rotate by the patch's row, half by its
// column (SigLIP-NaViT, theta 10000). The positions are an input that clip.cpp fills.
constexpr float rope_theta = 10000.0F;
// ggml's neutral values: context extension (YaRN) stays off while ext_factor is 0.
constexpr int rope_n_ctx_orig = 32768;
constexpr float rope_beta_fast = 32.0F;
constexpr float rope_beta_slow = 1.0F;
// nn.LayerNorm's default, used by the projector's pre_norm; the encoder's own (1e-6) is in the
// file.
constexpr float projector_norm_eps = 1e-5F;

// ggml's fast float32 product (llamafile's) needs a dot product length of this multiple. The
// official head has 72.
constexpr int64_t dot_multiple = 16;

int64_t round_up(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

void add_bias_gelu_rows(ggml_tensor *out, const ggml_tensor * /*in*/, const ggml_tensor *bias,
                        int thread, int n_threads, void * /*unused*/) {
  const int64_t rows = ggml_nrows(out);
  const int64_t first = rows * thread / n_threads;
  const int64_t last = rows * (thread + 1) / n_threads;
  for (int64_t row = first; row < last; ++row) {
    auto *values = reinterpret_cast<float *>(static_cast<std::byte *>(out->data) +
                                             static_cast<size_t>(row) * out->nb[1]);
    ppocrvl::add_bias_gelu_tanh(values, static_cast<const float *>(bias->data), out->ne[0]);
  }
}

/// Adds the layers to one graph.
class Builder {
public:
  Builder(clip_graph &graph, ggml_tensor *positions, const VisionGraphOptions &options)
      : graph_(graph), ctx_(graph.ctx0), positions_(positions), options_(options) {
    sections_.fill(graph.d_head / 4);
  }

  /// Patches of the picture [n_embd, n_patches], with their position embedding.
  ggml_tensor *patches() {
    // Not ggml_conv_2d, which rounds the pixels to float16.
    ggml_tensor *kernel = in_f32(graph_.model.patch_embeddings_0);
    const int size = graph_.patch_size;
    ggml_tensor *pixels = ggml_im2col(ctx_, kernel, graph_.build_inp_raw(), size, size, 0, 0, 1, 1,
                                      /*is_2D=*/true, GGML_TYPE_F32);
    ggml_tensor *weight = ggml_reshape_2d(ctx_, kernel, pixels->ne[0], graph_.n_embd);
    ggml_tensor *flat = ggml_reshape_2d(ctx_, pixels, pixels->ne[0], graph_.n_patches);
    ggml_tensor *out = ggml_add(ctx_, ggml_mul_mat(ctx_, weight, flat), graph_.model.patch_bias);
    if (const StripPictures *strip = options_.strip) {
      std::vector<ggml_tensor *> embeddings;
      embeddings.reserve(strip->size());
      for (const ppocrvl::StripPicture &picture : *strip) {
        embeddings.push_back(position_embedding(picture.rows, picture.cols));
      }
      PanelGraph panels(ctx_, *options_.kernels, options_.scratch, strip);
      return panels.add_strip_embeddings(out, embeddings);
    }
    return ggml_add(ctx_, out, position_embedding(graph_.n_patches_y, graph_.n_patches_x));
  }

  /// All encoder blocks on [n_embd, n_patches].
  ggml_tensor *blocks(ggml_tensor *in) {
    if (options_.kernels != nullptr) {
      return panel_blocks(*options_.kernels, in);
    }
    for (const clip_layer &layer : graph_.model.layers) {
      in = block(layer, in);
    }
    return in;
  }

  /// One encoder block on [n_embd, n_patches].
  ggml_tensor *block(const clip_layer &layer, ggml_tensor *in) {
    ggml_tensor *normed = norm(in, layer.ln_1_w, layer.ln_1_b, graph_.eps);
    ggml_tensor *middle = ggml_add(ctx_, in, attention(layer, normed));
    normed = norm(middle, layer.ln_2_w, layer.ln_2_b, graph_.eps);
    ggml_tensor *hidden = gelu_tanh(product(layer.ff_up_w, normed), layer.ff_up_b);
    return ggml_add(ctx_, middle, linear(layer.ff_down_w, layer.ff_down_b, hidden));
  }

  /// Image tokens [projection_dim, n_patches / 4] of the encoder's output.
  ggml_tensor *project(ggml_tensor *encoded) {
    const clip_model &model = graph_.model;
    ggml_tensor *normed =
        norm(encoded, model.mm_input_norm_w, model.mm_input_norm_b, projector_norm_eps);
    ggml_tensor *merged = graph_.build_patch_merge_permute(normed, graph_.hparams.n_merge);
    const kernels::VisionKernels *kernels = options_.kernels;
    if (kernels != nullptr && test_deviation != VisionDeviation::tanh_projector) {
      PanelGraph panels(ctx_, *kernels, options_.scratch, nullptr);
      const int64_t n = merged->ne[1];
      ggml_tensor *in = panels.to_operand(panels.to_panels(merged));
      ggml_tensor *hidden = panels.gelu_erf(panels.linear({{model.mm_1_w, model.mm_1_b}}, in, n));
      ggml_tensor *out =
          panels.linear({{model.mm_2_w, model.mm_2_b}}, panels.to_operand(hidden), n);
      return panels.from_panels(out, n);
    }
    ggml_tensor *hidden = linear(model.mm_1_w, model.mm_1_b, merged);
    const bool tanh = test_deviation == VisionDeviation::tanh_projector;
    hidden = tanh ? ggml_gelu(ctx_, hidden) : ggml_gelu_erf(ctx_, hidden);
    return linear(model.mm_2_w, model.mm_2_b, hidden);
  }

  ggml_tensor *norm(ggml_tensor *in, ggml_tensor *weight, ggml_tensor *bias, float eps) {
    return graph_.build_norm(in, weight, bias, NORM_TYPE_NORMAL, eps, -1);
  }

private:
  ggml_tensor *panel_blocks(const kernels::VisionKernels &kernels, ggml_tensor *in) {
    const int64_t n = graph_.n_patches;
    const StripPictures *strip = options_.strip;
    PanelGraph panels(ctx_, kernels, options_.scratch, strip);
    ggml_tensor *positions = strip == nullptr ? positions_ : panels.strip_positions(positions_);
    ggml_tensor *angles = panels.angles(positions, graph_.d_head, n);
    ggml_tensor *current = panels.to_panels(in);
    for (const clip_layer &layer : graph_.model.layers) {
      ggml_tensor *normed = panels.norm(current, layer.ln_1_w, layer.ln_1_b, graph_.eps);
      ggml_tensor *qkv =
          layer.qkv_w != nullptr
              ? panels.linear_qkv({{layer.qkv_w, layer.qkv_b}}, normed, n)
              : panels.linear_qkv(
                    {{layer.q_w, layer.q_b}, {layer.k_w, layer.k_b}, {layer.v_w, layer.v_b}},
                    normed, n);
      ggml_tensor *attended = panels.attention(qkv, angles, graph_.d_head, n);
      current = panels.linear({{layer.o_w, layer.o_b}}, attended, n, current);
      normed = panels.norm(current, layer.ln_2_w, layer.ln_2_b, graph_.eps);
      ggml_tensor *hidden = panels.linear_gelu({layer.ff_up_w, layer.ff_up_b}, normed, n);
      current = panels.linear({{layer.ff_down_w, layer.ff_down_b}}, hidden, n, current);
    }
    return panels.from_panels(current, n);
  }

  /// The learned positions resized to a picture's patches: [n_embd, rows * cols].
  ggml_tensor *position_embedding(int64_t rows, int64_t cols) {
    ggml_tensor *table = graph_.model.position_embeddings;
    const auto side = static_cast<int64_t>(std::lround(std::sqrt(table->ne[1])));
    std::uint32_t mode = GGML_SCALE_MODE_BILINEAR;
    if (test_deviation == VisionDeviation::antialiased_positions) {
      mode |= GGML_SCALE_FLAG_ANTIALIAS;
    }
    table = ggml_reshape_3d(ctx_, table, graph_.n_embd, side, side);
    table = ggml_permute(ctx_, table, 2, 0, 1, 3); // [side, side, n_embd]
    table = ggml_interpolate(ctx_, table, cols, rows, graph_.n_embd, 1, mode);
    table = ggml_permute(ctx_, table, 1, 2, 0, 3); // [n_embd, cols, rows]
    return ggml_cont_2d(ctx_, table, graph_.n_embd, rows * cols);
  }

  ggml_tensor *in_f32(ggml_tensor *tensor) {
    return tensor->type == GGML_TYPE_F32 ? tensor : ggml_cast(ctx_, tensor, GGML_TYPE_F32);
  }

  ggml_tensor *product(ggml_tensor *weight, ggml_tensor *in) {
    if (options_.precision == VisionPrecision::exact) {
      weight = in_f32(weight); // with other types ggml rounds the activations to match
    }
    return ggml_mul_mat(ctx_, weight, in);
  }

  ggml_tensor *linear(ggml_tensor *weight, ggml_tensor *bias, ggml_tensor *in) {
    return ggml_add(ctx_, product(weight, in), bias);
  }

  /// The encoder's activation, with the bias of the layer before it.
  ggml_tensor *gelu_tanh(ggml_tensor *in, ggml_tensor *bias) {
    // GPU back ends compute this GELU in float32, and cannot run ours.
    const bool on_cpu = bias->buffer != nullptr && ggml_backend_buffer_is_host(bias->buffer);
    if (options_.precision == VisionPrecision::fast || !on_cpu) {
      return ggml_gelu(ctx_, ggml_add(ctx_, in, bias));
    }
    return ggml_map_custom2_inplace(ctx_, in, bias, add_bias_gelu_rows, GGML_N_TASKS_MAX, nullptr);
  }

  /// Heads [d_head, n_head, n_patches] of [n_embd, n_patches].
  ggml_tensor *heads(ggml_tensor *in) {
    return ggml_reshape_3d(ctx_, in, graph_.d_head, graph_.n_head, graph_.n_patches);
  }

  ggml_tensor *rotate(ggml_tensor *in) {
    return ggml_rope_multi(ctx_, in, positions_, nullptr, graph_.d_head / 2, sections_.data(),
                           GGML_ROPE_TYPE_VISION, rope_n_ctx_orig, rope_theta, /*freq_scale=*/1.0F,
                           /*ext_factor=*/0.0F, /*attn_factor=*/1.0F, rope_beta_fast,
                           rope_beta_slow);
  }

  ggml_tensor *attention(const clip_layer &layer, ggml_tensor *in) {
    ggml_tensor *q = nullptr;
    ggml_tensor *k = nullptr;
    ggml_tensor *v = nullptr;
    if (layer.qkv_w != nullptr) {
      ggml_tensor *qkv = linear(layer.qkv_w, layer.qkv_b, in);
      const auto part = [&](int64_t index) {
        return ggml_view_3d(ctx_, qkv, graph_.d_head, graph_.n_head, graph_.n_patches,
                            ggml_row_size(qkv->type, graph_.d_head), qkv->nb[1],
                            ggml_row_size(qkv->type, index * graph_.n_embd));
      };
      q = part(0);
      k = part(1);
      v = part(2);
    } else {
      q = heads(linear(layer.q_w, layer.q_b, in));
      k = heads(linear(layer.k_w, layer.k_b, in));
      v = heads(linear(layer.v_w, layer.v_b, in));
    }
    q = ggml_permute(ctx_, rotate(q), 0, 2, 1, 3); // [d_head, n_patches, n_head]
    k = ggml_permute(ctx_, rotate(k), 0, 2, 1, 3);
    if (options_.fused_attention) {
      k = ggml_cast(ctx_, k, GGML_TYPE_F16);
      v = ggml_cast(ctx_, ggml_permute(ctx_, v, 0, 2, 1, 3), GGML_TYPE_F16);
    } else {
      k = padded(ggml_cont(ctx_, k));
      v = ggml_cont(ctx_, ggml_permute(ctx_, v, 1, 2, 0, 3)); // [n_patches, d_head, n_head]
    }
    std::vector<ggml_tensor *> slices;
    const int64_t n = graph_.n_patches;
    const int64_t count = n_slices();
    for (int64_t i = 0; i < count; ++i) {
      const int64_t first = n * i / count;
      const int64_t rows = n * (i + 1) / count - first;
      ggml_tensor *some = ggml_view_3d(ctx_, q, q->ne[0], rows, q->ne[2], q->nb[1], q->nb[2],
                                       static_cast<size_t>(first) * q->nb[1]);
      slices.push_back(options_.fused_attention ? flash(some, k, v)
                                                : softmax_attention(some, k, v));
    }
    return linear(layer.o_w, layer.o_b, joined(slices));
  }

  /// Of the queries: so that scores take little memory, and no node runs for long.
  [[nodiscard]] int64_t n_slices() const {
    if (options_.bytes_of_scores == 0) {
      return 1;
    }
    const int64_t n = graph_.n_patches;
    const int64_t bytes = n * n * graph_.n_head * static_cast<int64_t>(sizeof(float));
    return std::clamp<int64_t>(bytes / static_cast<int64_t>(options_.bytes_of_scores), 1,
                               ppocrvl::most_attention_slices(graph_.n_layer));
  }

  ggml_tensor *padded(ggml_tensor *in) {
    const int64_t spare = round_up(in->ne[0], dot_multiple) - in->ne[0];
    return spare == 0 ? in : ggml_pad(ctx_, in, static_cast<int>(spare), 0, 0, 0);
  }

  /// Attention of some queries in float32: [n_embd, queries].
  ggml_tensor *softmax_attention(ggml_tensor *q, ggml_tensor *k, ggml_tensor *v) {
    ggml_tensor *scores = ggml_mul_mat(ctx_, k, padded(ggml_cont(ctx_, q)));
    ggml_prec_set_acc(scores, GGML_PREC_F32);
    scores = ggml_soft_max_ext_inplace(ctx_, scores, nullptr, graph_.kq_scale, 0.0F);
    ggml_tensor *out = ggml_mul_mat(ctx_, v, scores); // [d_head, queries, n_head]
    ggml_prec_set_acc(out, GGML_PREC_F32);
    out = ggml_permute(ctx_, out, 0, 2, 1, 3);
    return ggml_cont_2d(ctx_, out, graph_.n_embd, q->ne[1]);
  }

  /// The same with float16 keys and values.
  ggml_tensor *flash(ggml_tensor *q, ggml_tensor *k, ggml_tensor *v) {
    ggml_tensor *out = ggml_flash_attn_ext(ctx_, q, k, v, nullptr, graph_.kq_scale, 0.0F, 0.0F);
    ggml_prec_set_acc(out, GGML_PREC_F32);
    return ggml_reshape_2d(ctx_, out, graph_.n_embd, q->ne[1]);
  }

  /// Slices side by side again, pairwise: every element is copied log2(count) times.
  ggml_tensor *joined(std::vector<ggml_tensor *> parts) {
    while (parts.size() > 1) {
      std::vector<ggml_tensor *> pairs;
      for (size_t i = 0; i + 1 < parts.size(); i += 2) {
        pairs.push_back(ggml_concat(ctx_, parts[i], parts[i + 1], 1));
      }
      if (parts.size() % 2 == 1) {
        pairs.push_back(parts.back());
      }
      parts = std::move(pairs);
    }
    return parts.front();
  }

  clip_graph &graph_;
  ggml_context *ctx_;
  ggml_tensor *positions_;
  const VisionGraphOptions &options_;
  std::array<int, 4> sections_{}; // row, column, and two that ggml's vision RoPE leaves unused
};

} // namespace

namespace ppocrvl {

UseVisionGraphOptions::UseVisionGraphOptions(const VisionGraphOptions &options) {
  thread_options = options;
}

UseVisionGraphOptions::~UseVisionGraphOptions() { thread_options = {}; }

const VisionGraphOptions &vision_graph_options() { return thread_options; }

void deviate_for_tests(VisionDeviation deviation) { test_deviation = deviation; }

} // namespace ppocrvl

ggml_cgraph *clip_graph_paddleocr::build() {
  constexpr int64_t positions_per_patch = 4;
  ggml_tensor *positions = ggml_new_tensor_1d(ctx0, GGML_TYPE_I32, positions_per_patch * n_patches);
  ggml_set_name(positions, "positions");
  ggml_set_input(positions);

  const VisionGraphOptions &options = thread_options;
  Builder builder(*this, positions, options);
  ggml_tensor *current = builder.patches();
  cb(current, ppocrvl::vision_node::patches, -1);
  current = builder.blocks(current);
  current = builder.norm(current, model.post_ln_w, model.post_ln_b, eps);
  cb(current, ppocrvl::vision_node::encoded, -1);
  current = builder.project(current);
  if (options.n_graphs != nullptr && (*options.n_graphs)++ % 2 == 1) {
    current = ggml_reshape_2d(ctx0, current, current->ne[0], current->ne[1]); // one node more
  }
  ggml_build_forward_expand(gf, current);
  return gf;
}
