// SPDX-License-Identifier: Apache-2.0
//
// Kernels for CPUs with AVX512: float32.
#include "kernels/avx512.h"

#include "kernels/few_queries.h"
#include "kernels/panel_kernels.h"
#include "kernels/tables.h"
#include "kernels/vector_product.h"

namespace ppocrvl::kernels {
namespace {

struct ThisFile;

constexpr Kernels table() {
  Kernels kernels = PanelKernels<VectorProduct<Avx512<ThisFile>, 8>>::table("avx512");
  kernels.few_queries = FewQueries<ThisFile>::attend;
  return kernels;
}

} // namespace

const Kernels avx512 = table();

} // namespace ppocrvl::kernels
