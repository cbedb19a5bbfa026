// SPDX-License-Identifier: Apache-2.0
//
// Kernels for CPUs with AVX512-BF16 and AVX512-VNNI: linear layers in bytes, all else as
// avx512_bf16.
#include "kernels/avx512_bf16.h"
#include "kernels/byte_linear.h"
#include "kernels/tables.h"
#include "kernels/vector_product.h"

namespace ppocrvl::kernels {
namespace {

struct ThisFile;

} // namespace

const Kernels avx512_bf16_int8 =
    ByteLinear<VectorProduct<Avx512Bf16<ThisFile>, 8>>::table("avx512_bf16_int8");

} // namespace ppocrvl::kernels
