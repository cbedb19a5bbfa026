// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace ppocrvl {

/// What rows lose in a type: sums over all elements, so those of a tensor's chunks can be added.
/// The relative error is sqrt(squared_error / squared_norm). With an importance, the squares times
/// the weights of their columns are summed as well: an estimate of what the outputs lose.
struct RowLoss {
  double squared_error = 0;
  double squared_norm = 0;
  double weighted_error = 0;
  double weighted_norm = 0;
};

/// Rows of a tensor: how many, and how long each is in elements.
struct RowShape {
  int64_t n_rows = 0;
  int64_t n_per_row = 0;
};

/// Writes float32 rows in the type of that name with ggml's own kernels, so that the bytes are
/// those of llama-quantize. `importance`: a weight for each element of a row, or null. `n_threads`:
/// 0 for the machine's cores. `out` has space for n_rows * quantized_row_bytes(type, n_per_row).
/// Throws Error(option) for a type that nothing can be written in, that needs `importance`, or
/// whose blocks do not divide the rows, and for weights that are none; Error(model_format) if a
/// value is not finite, or too large for the type.
RowLoss quantize_rows(const std::string &type, const float *values, RowShape shape,
                      const float *importance, int n_threads, uint8_t *out);

/// Reads such rows as float32. Throws as quantize_rows does.
void dequantize_rows(const std::string &type, const uint8_t *data, RowShape shape, int n_threads,
                     float *out);

} // namespace ppocrvl
