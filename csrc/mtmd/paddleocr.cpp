// SPDX-License-Identifier: Apache-2.0
//
// The vision graph of PaddleOCR-VL as the model's reference computes it: compiled into mtmd in
// place of upstream's models/paddleocr.cpp, whose class declaration (models/models.h) it
// implements.
//
// Where upstream's graph differs from the reference:
//   * the learned position embedding is resized with antialiasing; the reference does not,
//   * the projector's activation follows the encoder's tanh GELU; the reference has the erf GELU.
#include "models/models.h"

#include <array>

namespace {

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

} // namespace

ggml_cgraph *clip_graph_paddleocr::build() {
  // One section each for row and column, then two that ggml's vision RoPE leaves unused.
  std::array<int, 4> sections{};
  sections.fill(d_head / 4);
  ggml_tensor *positions =
      ggml_new_tensor_1d(ctx0, GGML_TYPE_I32, int64_t{sections.size()} * n_patches);
  ggml_set_name(positions, "positions");
  ggml_set_input(positions);
  const auto rotate = [&](ggml_tensor *heads, const clip_layer & /*layer*/) {
    return ggml_rope_multi(ctx0, heads, positions, nullptr, d_head / 2, sections.data(),
                           GGML_ROPE_TYPE_VISION, rope_n_ctx_orig, rope_theta, /*freq_scale=*/1.0F,
                           /*ext_factor=*/0.0F, /*attn_factor=*/1.0F, rope_beta_fast,
                           rope_beta_slow);
  };

  ggml_tensor *patches = build_inp();
  ggml_tensor *learned = resize_position_embeddings(GGML_SCALE_MODE_BILINEAR);
  ggml_tensor *encoded = build_vit(patches, n_patches, NORM_TYPE_NORMAL, FFN_GELU, learned, rotate);
  cb(encoded, "vit_out", -1);

  ggml_tensor *normed = build_norm(encoded, model.mm_input_norm_w, model.mm_input_norm_b,
                                   NORM_TYPE_NORMAL, projector_norm_eps, -1);
  ggml_tensor *merged = build_patch_merge_permute(normed, hparams.n_merge);
  ggml_tensor *embeddings = build_ffn(merged, model.mm_1_w, model.mm_1_b, nullptr, nullptr,
                                      model.mm_2_w, model.mm_2_b, FFN_GELU_ERF, -1);
  cb(embeddings, "mlp_out", -1);

  ggml_build_forward_expand(gf, embeddings);
  return gf;
}
