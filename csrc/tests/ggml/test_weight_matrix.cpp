// SPDX-License-Identifier: Apache-2.0
#include "ggml-backend.h"
#include "ggml-cpp.h"
#include "ggml/weight_matrix.h"
#include "tests/check.h"
#include "tests/kernels/tested_kernels.h"
#include "tests/repacking.h"

using ppocrvl::has_8_rows_as_one;
using ppocrvl::kernels::Format;

TEST_CASE("weights: an order of ggml's is known by what it is, not by where it lies") {
  ggml_backend_buffer_type_t kind = ppocrvl::test::repacking();
  if (kind == nullptr) {
    return;
  }
  const ggml_context_ptr context(ggml_init({2 * ggml_tensor_overhead(), nullptr, true}));
  ggml_tensor *weight = ggml_new_tensor_2d(context.get(), GGML_TYPE_Q4_K, 512, 16);
  const ggml_backend_buffer_ptr buffer(
      ggml_backend_buft_alloc_buffer(kind, ggml_backend_buft_get_alloc_size(kind, weight)));
  ggml_backend_tensor_alloc(buffer.get(), weight, ggml_backend_buffer_get_base(buffer.get()));
#ifdef __x86_64__
  // Kernels that read the order are for CPUs on which ggml takes it. On ARM it does if it was
  // compiled for I8MM.
  for (const auto &kernels : ppocrvl::test::tested_kernels()) {
    CHECK(!kernels.decoder->operands.is_bf16 || has_8_rows_as_one(*weight));
  }
#endif
  CHECK_EQUAL(ppocrvl::matrix_of(*weight).format == Format::q4_k_of_8_rows,
              has_8_rows_as_one(*weight));

  // In the same buffer: the order of another CPU, and the file's.
  int other_order = 0;
  for (void *extra : {static_cast<void *>(&other_order), static_cast<void *>(nullptr)}) {
    weight->extra = extra;
    CHECK(!has_8_rows_as_one(*weight));
    CHECK(ppocrvl::matrix_of(*weight).format == Format::q4_k);
  }
}
