// SPDX-License-Identifier: Apache-2.0
//
// Kernels for CPUs with AVX2 and FMA: float32.
#include "kernels/avx2.h"

#include "kernels/panel_kernels.h"
#include "kernels/tables.h"
#include "kernels/vector_product.h"

namespace ppocrvl::kernels {
namespace {

struct ThisFile;

} // namespace

// Three rows of four registers, and one for each row and for the panel: all 16 registers.
const Kernels avx2 = PanelKernels<VectorProduct<Avx2<ThisFile>, 3>>::table("avx2");

} // namespace ppocrvl::kernels
