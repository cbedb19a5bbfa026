// SPDX-License-Identifier: Apache-2.0
//
// Kernels for CPUs with AVX2 and FMA: float32.
#include "kernels/avx2.h"

#include "kernels/band_products.h"
#include "kernels/convolutions.h"
#include "kernels/logits.h"
#include "kernels/map_panels.h"
#include "kernels/panel_kernels.h"
#include "kernels/tables.h"
#include "kernels/vector_product.h"

namespace ppocrvl::kernels {
namespace {

struct ThisFile;

// Three rows of four registers, and one for each row and for the panel: all 16 registers.
using Product = VectorProduct<Avx2<ThisFile>, 3>;
using Tables = PanelKernels<Product>;

} // namespace

const VisionKernels vision::avx2 = Tables::vision("avx2");
const DecoderKernels decoder::avx2 = Tables::decoder("avx2");
const LogitKernels logits::avx2 = Logits<ThisFile>::table();
const MapKernels maps::avx2 =
    MapPanels<ThisFile>::table("avx2", Convolutions<BandVectors<Avx2<ThisFile>, 3>>::table("avx2"));

} // namespace ppocrvl::kernels
