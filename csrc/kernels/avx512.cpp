// SPDX-License-Identifier: Apache-2.0
//
// Kernels for CPUs with AVX512: float32.
#include "kernels/avx512.h"

#include "kernels/panel_kernels.h"
#include "kernels/tables.h"
#include "kernels/vector_product.h"

namespace ppocrvl::kernels {
namespace {

struct ThisFile;

} // namespace

const Kernels avx512 = PanelKernels<VectorProduct<Avx512<ThisFile>, 8>>::table("avx512");

} // namespace ppocrvl::kernels
