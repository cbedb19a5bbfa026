// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ggml.h"
#include "kernels/kernels.h"
#include "mtmd/vision_graph.h"

#include <initializer_list>
#include <vector>

namespace ppocrvl {

/// A weight and its bias.
struct LinearWeights {
  ggml_tensor *weight;
  ggml_tensor *bias;
};

/// Adds operations of our kernels to a graph that a CPU computes. Tensors between them are panels
/// (kernels/kernels.h): [32, n_features, n_panels + 1] of F32, or of BF16 if they are operands of
/// kernels that multiply bfloat16.
class PanelGraph {
public:
  /// `scratch` and `strip` as in VisionGraphOptions; the nodes keep the pointers.
  PanelGraph(ggml_context *context, const kernels::VisionKernels &kernels,
             const kernels::Scratch *scratch, const std::vector<StripPicture> *strip);

  /// `positions` of all patches of the strip in the place of those of one picture; the strip's.
  ggml_tensor *strip_positions(ggml_tensor *positions);

  /// Rows of F32 [n_features, n_patches] of the strip plus each picture's position embedding, F32
  /// [n_features, its patches in raster order].
  ggml_tensor *add_strip_embeddings(ggml_tensor *patches,
                                    const std::vector<ggml_tensor *> &embeddings);

  /// Panels of row-major F32 [n_features, n_rows], and the other way round.
  ggml_tensor *to_panels(ggml_tensor *in);
  ggml_tensor *from_panels(ggml_tensor *in, int64_t n_rows);

  /// Float panels of the projector's activation.
  ggml_tensor *gelu_erf(ggml_tensor *in);

  /// Operand panels of float panels.
  ggml_tensor *to_operand(ggml_tensor *in);

  /// Operand panels of the normalised features.
  ggml_tensor *norm(ggml_tensor *in, ggml_tensor *weight, ggml_tensor *bias, float epsilon);

  /// Float panels of some linear layers' outputs one below the other, plus `residual` if there is
  /// one, for patches or image tokens.
  ggml_tensor *linear(std::initializer_list<LinearWeights> layers, ggml_tensor *in,
                      int64_t n_tokens, ggml_tensor *residual = nullptr);

  /// The same for queries, keys and values, whose errors softmax and the mean of values even out.
  ggml_tensor *linear_qkv(std::initializer_list<LinearWeights> layers, ggml_tensor *in,
                          int64_t n_patches);

  /// Operand panels of a linear layer with the encoder's activation after it.
  ggml_tensor *linear_gelu(const LinearWeights &layer, ggml_tensor *in, int64_t n_patches);

  /// Cosines and sines of each patch's angles, as float panels, of `positions`: rows, then columns.
  ggml_tensor *angles(ggml_tensor *positions, int64_t d_head, int64_t n_patches);

  /// Attention of each picture's patches to each other, as operand panels, of queries, keys and
  /// values below each other.
  ggml_tensor *attention(ggml_tensor *qkv, ggml_tensor *angles, int64_t d_head, int64_t n_patches);

private:
  struct Operation {
    const char *name = nullptr; // of the node
    ggml_custom_op_t function = nullptr;
    float terms = 1.0F; // multiply-adds of each element
  };

  ggml_tensor *add_linear(std::initializer_list<LinearWeights> layers, ggml_tensor *in,
                          ggml_tensor *residual, Operation operation, int64_t n_tokens);
  ggml_tensor *add(ggml_type type, int64_t ne0, int64_t ne1, int64_t ne2,
                   const std::vector<ggml_tensor *> &sources, const Operation &operation,
                   std::initializer_list<int64_t> numbers = {});

  ggml_context *context_;
  const kernels::VisionKernels &kernels_;
  const kernels::Scratch *scratch_;
  const std::vector<StripPicture> *strip_;
};

/// Of a node of a vision graph that is GGML_OP_CUSTOM, as the PanelGraph that added it says.
double multiply_adds_of(const ggml_tensor &node);

} // namespace ppocrvl
