// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ppocrvl::kernels {
struct VisionKernels;
class Scratch;
} // namespace ppocrvl::kernels

namespace ppocrvl {

/// Most pictures in a strip.
constexpr std::size_t most_strip_pictures = 64;

/// Number formats of the vision graph. The reference's mathematics (positions, kinds of GELU,
/// epsilons) is the same in all of them.
enum class VisionPrecision {
  /// ggml's own GELU (on a CPU a table in float16).
  fast,
  /// float32 attention and GELU; linear layers as precise as their weights' type.
  automatic,
  /// float32 throughout, whatever type the weights have.
  exact,
};

/// Most slices of the queries that attention may take: clip.cpp has space for 8192 nodes and
/// weights in a graph. 22 with the official 27 layers.
constexpr std::int64_t most_attention_slices(std::int64_t n_layer) {
  constexpr std::int64_t most_graph_nodes = 7500;
  constexpr std::int64_t layer_nodes = 56; // of a layer without its slices, weights included
  constexpr std::int64_t slice_nodes = 10;
  return std::max<std::int64_t>(1, (most_graph_nodes / n_layer - layer_nodes) / slice_nodes);
}

/// Where a picture's patches lie in a strip of several (vision/strip.h): 2 x 2 of them a cell,
/// cells in raster order.
struct StripPicture {
  std::int64_t first_patch; // the first of a panel
  std::int64_t rows;        // of patches
  std::int64_t cols;

  /// A patch's place in its picture.
  struct Place {
    std::int64_t row;
    std::int64_t col;
  };

  [[nodiscard]] std::int64_t n_patches() const { return rows * cols; }

  /// Of the patch at `index` in the picture's part of the strip.
  [[nodiscard]] Place place_of(std::int64_t index) const {
    constexpr std::int64_t side = 2; // of a cell
    const std::int64_t cell = index / (side * side);
    const std::int64_t within = index % (side * side);
    const std::int64_t cell_cols = cols / side;
    return {cell / cell_cols * side + within / side, cell % cell_cols * side + within % side};
  }
};

/// How graphs are to be built.
struct VisionGraphOptions {
  VisionPrecision precision = VisionPrecision::automatic;
  /// ggml's flash attention, over float16 keys and values, in place of float32 attention.
  bool fused_attention = false;
  /// Attention takes the queries in slices whose scores take so much, where the graph has space for
  /// them; 0 for one slice.
  std::uint64_t bytes_of_scores = 0;
  /// What computes the layers: of encoders that they fit (engine/placement.h), whose weights are in
  /// the process's memory. Null for ggml's own operations.
  const kernels::VisionKernels *kernels = nullptr;
  /// The pictures of a strip, until the graph is computed; null for one picture as it is. Only our
  /// kernels can compute a strip.
  const std::vector<StripPicture> *strip = nullptr;
  /// Of as many threads as compute the graph, where there are kernels.
  const kernels::Scratch *scratch = nullptr;
  /// Counts the graphs of one mtmd context; null for nobody. Each has another number of nodes than
  /// the one before, because ggml's allocator takes a graph of as many nodes as the last one for
  /// one that it has memory for, also if it did not get the memory.
  std::size_t *n_graphs = nullptr;
};

/// The options of the graphs that the calling thread lets mtmd build while one of these lives.
/// Graphs are built inside clip_image_batch_encode, whose interface has no place for them.
class UseVisionGraphOptions {
public:
  explicit UseVisionGraphOptions(const VisionGraphOptions &options);
  ~UseVisionGraphOptions();
  UseVisionGraphOptions(const UseVisionGraphOptions &) = delete;
  UseVisionGraphOptions &operator=(const UseVisionGraphOptions &) = delete;
};

/// Those that hold for the calling thread.
const VisionGraphOptions &vision_graph_options();

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
