// SPDX-License-Identifier: Apache-2.0
//
// Kernels for CPUs with AVX512-BF16: two bfloat16 products a lane and instruction.
#include "kernels/avx512_bf16.h"

#include "kernels/band_products.h"
#include "kernels/convolutions.h"
#include "kernels/few_queries.h"
#include "kernels/few_tokens.h"
#include "kernels/panel_kernels.h"
#include "kernels/tables.h"
#include "kernels/vector_product.h"

namespace ppocrvl::kernels {
namespace {

struct ThisFile;

using Tables = PanelKernels<VectorProduct<Avx512Bf16<ThisFile>, 8>>;

constexpr DecoderKernels decoder_table() {
  DecoderKernels kernels = Tables::decoder("avx512_bf16");
  kernels.few_tokens = FewTokensProduct<ThisFile>::multiply;
  kernels.few_queries = FewQueries<ThisFile>::attend;
  return kernels;
}

} // namespace

const VisionKernels vision::avx512_bf16 = Tables::vision("avx512_bf16");
const DecoderKernels decoder::avx512_bf16 = decoder_table();
const ConvolutionKernels convolutions::avx512_bf16 =
    Convolutions<BandVectors<Avx512Bf16<ThisFile>, 8>>::table("avx512_bf16");

} // namespace ppocrvl::kernels
