// SPDX-License-Identifier: Apache-2.0
//
// Kernels for CPUs with AVX512-BF16 and AVX512-VNNI: inner linear layers in int8, all else as
// avx512_bf16, with scores that are rounded once.
#include "kernels/avx512_bf16.h"
#include "kernels/int8_numbers.h"
#include "kernels/integer_linear.h"
#include "kernels/linear_layer.h"
#include "kernels/panel_kernels.h"
#include "kernels/tables.h"
#include "kernels/vector_product.h"

namespace ppocrvl::kernels {
namespace {

struct ThisFile;

using Product = VectorProduct<Avx512Bf16<ThisFile>, 8>;
using Layer = LinearLayer<Product>;

constexpr VisionKernels table() {
  VisionKernels kernels = PanelKernels<Product, /*rounds_scores=*/true>::vision("avx512_bf16_int8");
  kernels.inner_linear = IntegerLinear<Layer, Int8Numbers<Layer>>::kernel();
  return kernels;
}

} // namespace

const VisionKernels vision::avx512_bf16_int8 = table();

} // namespace ppocrvl::kernels
