// SPDX-License-Identifier: Apache-2.0
//
// Kernels for CPUs with AVX512: float32.
#include "kernels/avx512.h"

#include "kernels/band_products.h"
#include "kernels/convolutions.h"
#include "kernels/few_queries.h"
#include "kernels/logits.h"
#include "kernels/map_panels.h"
#include "kernels/panel_kernels.h"
#include "kernels/tables.h"
#include "kernels/vector_product.h"

namespace ppocrvl::kernels {
namespace {

struct ThisFile;

using Product = VectorProduct<Avx512<ThisFile>, 8>;
using Tables = PanelKernels<Product>;

constexpr DecoderKernels decoder_table() {
  DecoderKernels kernels = Tables::decoder("avx512");
  kernels.few_queries = FewQueries<ThisFile>::attend;
  return kernels;
}

} // namespace

const VisionKernels vision::avx512 = Tables::vision("avx512");
const DecoderKernels decoder::avx512 = decoder_table();
const LogitKernels logits::avx512 = Logits<ThisFile>::table();
const MapKernels maps::avx512 = MapPanels<ThisFile>::table(
    "avx512", Convolutions<BandVectors<Avx512<ThisFile>, 8>>::table("avx512"));

} // namespace ppocrvl::kernels
