// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace ppocrvl::kernels {
struct Kernels;
} // namespace ppocrvl::kernels

namespace ppocrvl {

/// Number formats of the vision graph. The reference's mathematics (positions, kinds of GELU,
/// epsilons) is the same in all of them.
enum class VisionPrecision {
  /// Attention over half-precision keys and values, and ggml's own GELU (on a CPU a table in half
  /// precision).
  fast,
  /// float32 attention and GELU; linear layers in the arithmetic of their weights' type.
  automatic,
  /// float32 throughout, whatever type the weights have.
  exact,
};

/// How graphs are to be built.
struct VisionGraphOptions {
  VisionPrecision precision = VisionPrecision::automatic;
  /// What computes the layers where the weights are in the process's memory; null for ggml's own
  /// operations.
  const kernels::Kernels *kernels = nullptr;
};

/// The options of the graphs that the calling thread lets mtmd build. Graphs are built inside
/// clip_image_batch_encode, whose interface has no room for them.
void set_vision_graph_options(const VisionGraphOptions &options);

/// Names of nodes between the stages.
namespace vision_node {
constexpr const char *patches = "patches"; // with their position embedding
constexpr const char *encoded = "encoded"; // after the last norm
} // namespace vision_node

/// What upstream's graph does in place of the reference's mathematics.
enum class VisionDeviation { none, antialiased_positions, tanh_projector };

/// Makes all graphs deviate from now on. For tests of what compares them with the reference.
void deviate_for_tests(VisionDeviation deviation);

} // namespace ppocrvl
