// SPDX-License-Identifier: Apache-2.0
//
// Kernels for AArch64 CPUs with BF16 and dot products (ARMv8.6): products of two rows with two
// columns in one instruction, four bfloat16 of each.
#include "kernels/neon_bf16_formats.h"
#include "kernels/neon_bf16_pairs.h"
#include "kernels/neon_bf16_product.h"
#include "kernels/neon_few_queries.h"
#include "kernels/neon_few_tokens.h"
#include "kernels/neon_few_tokens_bf16.h"
#include "kernels/neon_q8_tokens.h"
#include "kernels/panel_kernels.h"
#include "kernels/tables.h"

namespace ppocrvl::kernels {
namespace {

struct ThisFile;

using Tables = PanelKernels<NeonBf16Product<ThisFile>>;

void few_tokens(const FewTokens &task, Share share, void *scratch) {
  if (NeonQ8Tokens<ThisFile>::takes(task)) {
    NeonQ8Tokens<ThisFile>::multiply(task, share, scratch);
  } else {
    NeonFewTokens<NeonBf16<ThisFile>>::multiply(task, share, scratch);
  }
}

constexpr DecoderKernels decoder_table() {
  DecoderKernels kernels = Tables::decoder("neon_bf16");
  kernels.few_tokens = few_tokens;
  kernels.least_decoded = 4;
  kernels.has_plain_q8_0 = true;
  kernels.few_queries = NeonFewQueries<ThisFile>::attend;
  return kernels;
}

} // namespace

const VisionKernels vision::neon_bf16 = Tables::vision("neon_bf16");
const DecoderKernels decoder::neon_bf16 = decoder_table();

} // namespace ppocrvl::kernels
