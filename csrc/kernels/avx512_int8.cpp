// SPDX-License-Identifier: Apache-2.0
//
// Kernels for CPUs with AVX512 and AVX512-VNNI: inner linear layers in bytes, all else as
// avx512_int16, without what only a decoder needs.
#include "kernels/avx512.h"
#include "kernels/avx512_int16.h"
#include "kernels/int16_numbers.h"
#include "kernels/int8_numbers.h"
#include "kernels/integer_linear.h"
#include "kernels/linear_layer.h"
#include "kernels/panel_kernels.h"
#include "kernels/tables.h"
#include "kernels/vector_product.h"

namespace ppocrvl::kernels {
namespace {

struct ThisFile;

using Product = VectorProduct<Avx512<ThisFile>, 8>;
using Layer = LinearLayer<Product>;

using Numbers = Int16Numbers<Layer, VectorProduct<Avx512Int16<ThisFile>, 8>>;

constexpr VisionKernels table() {
  VisionKernels kernels = PanelKernels<Product>::vision("avx512_int8");
  kernels.linear = IntegerLinear<Layer, Numbers>::kernel();
  kernels.inner_linear = IntegerLinear<Layer, Int8Numbers<Layer>>::kernel();
  return kernels;
}

} // namespace

const VisionKernels vision::avx512_int8 = table();

} // namespace ppocrvl::kernels
