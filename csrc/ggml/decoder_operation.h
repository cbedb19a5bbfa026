// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ggml-internal/traits.h"
#include "kernels/kernels.h"

#include <cstddef>

namespace ppocrvl {

/// One kind of operation of a decoder's graph that our kernels can compute.
class DecoderOperation {
public:
  DecoderOperation() = default;
  virtual ~DecoderOperation() = default;
  DecoderOperation(const DecoderOperation &) = delete;
  DecoderOperation &operator=(const DecoderOperation &) = delete;

  /// Whether it is of this kind, and of a shape and a size for which the kernels are the faster
  /// way.
  [[nodiscard]] virtual bool takes(const kernels::DecoderKernels &kernels,
                                   const ggml_tensor &op) const = 0;

  /// Of memory that all threads share.
  [[nodiscard]] virtual std::size_t work_bytes(const kernels::DecoderKernels &kernels,
                                               const ggml_tensor &op) const = 0;

  /// One thread's part, called by all of them. `work` is aligned to a cache line, `scratch` is the
  /// thread's own.
  virtual void compute(const kernels::DecoderKernels &kernels, const ggml_compute_params &params,
                       const ggml_tensor &op, void *work, void *scratch) const = 0;
};

/// Weights times the values of one or more tokens.
const DecoderOperation &decoder_product();

/// Attention of one or more tokens to the cells of the cache.
const DecoderOperation &decoder_attention();

} // namespace ppocrvl
