// SPDX-License-Identifier: Apache-2.0
//
// Kernels for all AArch64 CPUs: float32.
#include "kernels/neon.h"

#include "kernels/band_products.h"
#include "kernels/convolutions.h"
#include "kernels/logits.h"
#include "kernels/map_panels.h"
#include "kernels/neon_few_queries.h"
#include "kernels/neon_few_tokens.h"
#include "kernels/panel_kernels.h"
#include "kernels/tables.h"
#include "kernels/vector_product.h"

namespace ppocrvl::kernels {
namespace {

struct ThisFile;

// Three rows of eight registers, and one for each row and for the panel: 28 of 32 registers.
using Product = VectorProduct<Neon<ThisFile>, 3>;
using Tables = PanelKernels<Product>;

constexpr DecoderKernels decoder_table() {
  DecoderKernels kernels = Tables::decoder("neon");
  kernels.few_tokens = NeonFewTokens<NeonFloats<ThisFile>>::multiply;
  kernels.few_queries = NeonFewQueries<ThisFile>::attend;
  return kernels;
}

} // namespace

const VisionKernels vision::neon = Tables::vision("neon");
const DecoderKernels decoder::neon = decoder_table();
const LogitKernels logits::neon = Logits<ThisFile>::table();
const MapKernels maps::neon =
    MapPanels<ThisFile>::table("neon", Convolutions<BandVectors<Neon<ThisFile>, 3>>::table("neon"));

} // namespace ppocrvl::kernels
