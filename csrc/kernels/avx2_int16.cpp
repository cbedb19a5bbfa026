// SPDX-License-Identifier: Apache-2.0
//
// Kernels for CPUs with AVX2 and FMA: linear layers in int16, all else as avx2.
#include "kernels/avx2.h"
#include "kernels/int16_numbers.h"
#include "kernels/integer_linear.h"
#include "kernels/linear_layer.h"
#include "kernels/panel_kernels.h"
#include "kernels/tables.h"
#include "kernels/vector_product.h"

namespace ppocrvl::kernels {
namespace {

struct ThisFile;

using Product = VectorProduct<Avx2<ThisFile>, 3>;
using Layer = LinearLayer<Product>;
// Two rows of four registers, and one for each row, the panel and products before they are added.
using Numbers = Int16Numbers<Layer, VectorProduct<Avx2Int16<ThisFile>, 2>>;

constexpr VisionKernels table() {
  VisionKernels kernels = PanelKernels<Product>::vision("avx2_int16");
  kernels.linear = IntegerLinear<Layer, Numbers>::kernel();
  kernels.inner_linear = kernels.linear;
  return kernels;
}

} // namespace

const VisionKernels vision::avx2_int16 = table();

} // namespace ppocrvl::kernels
