// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "files/gguf_file.h"
#include "kernels/map_kernels.h"
#include "layout/feature_map.h"
#include "support/aligned_memory.h"

#include <cstdint>
#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace ppocrvl::layout {

/// A convolution's or linear layer's weights as the kernels read them.
struct ProductWeights {
  AlignedMemory packed; // by ConvolutionKernels::pack
  std::vector<float> bias;
};

struct DepthwiseWeights {
  std::vector<float> places; // [channel][size * size]
  std::vector<float> bias;
};

struct NormWeights {
  std::vector<float> weight;
  std::vector<float> bias;
};

/// The tensors of a layout model's file, each read when it is first asked for and kept. Throws
/// Error(model_format) for one that is missing or has another shape, or a value that is no finite
/// number. What it returns stays where it is.
class Weights {
public:
  /// `file` outlives this.
  explicit Weights(const GgufFile &file);

  /// Square windows of `size`; 1 for linear layers. A name is packed for the kernels that it is
  /// first asked for.
  const ProductWeights &product(const std::string &name, std::int64_t n_in, std::int64_t n_out,
                                std::int64_t size, const kernels::ConvolutionKernels &kernels);
  const DepthwiseWeights &depthwise(const std::string &name, std::int64_t n_channels,
                                    std::int64_t size);
  const NormWeights &norm(const std::string &name, std::int64_t n_features);
  /// As it stands in the file: `n_rows` rows of `n_per_row`.
  const std::vector<float> &constant(const std::string &name, std::int64_t n_per_row,
                                     std::int64_t n_rows);
  /// The same as a map with a token for each row.
  FeatureMap tokens(const std::string &name, std::int64_t n_channels, std::int64_t n_tokens);

private:
  std::vector<float> read(const std::string &name, std::int64_t n_per_row, std::int64_t n_rows);

  const GgufFile &file_;
  std::ifstream stream_;
  std::map<std::string, ProductWeights> products_;
  std::map<std::string, DepthwiseWeights> depthwise_;
  std::map<std::string, NormWeights> norms_;
  std::map<std::string, std::vector<float>> constants_;
};

} // namespace ppocrvl::layout
