// SPDX-License-Identifier: Apache-2.0
#include "ggml/weight_matrix.h"

#include "ggml-backend.h"
#include "ggml-cpp.h"
#include "ggml-cpu.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace ppocrvl {
namespace {

kernels::Format format_of(ggml_type type) {
  using kernels::Format;
  switch (type) {
  case GGML_TYPE_BF16:
    return Format::bf16;
  case GGML_TYPE_Q4_0:
    return Format::q4_0;
  case GGML_TYPE_Q5_0:
    return Format::q5_0;
  case GGML_TYPE_Q8_0:
    return Format::q8_0;
  case GGML_TYPE_Q4_K:
    return Format::q4_k;
  case GGML_TYPE_Q5_K:
    return Format::q5_k;
  case GGML_TYPE_Q6_K:
    return Format::q6_k;
  case GGML_TYPE_IQ4_NL:
    return Format::iq4_nl;
  default:
    return Format::other;
  }
}

/// Where ggml changes the order of weights, or null.
ggml_backend_buffer_type_t repacking() {
  ggml_backend_reg_t cpu = ggml_backend_cpu_reg();
  auto *all = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(
      ggml_backend_reg_get_proc_address(cpu, "ggml_backend_dev_get_extra_bufts"));
  if (all == nullptr) {
    return nullptr;
  }
  const ggml_backend_buffer_type_t *kind = all(ggml_backend_reg_dev_get(cpu, 0));
  for (; kind != nullptr && *kind != nullptr; ++kind) {
    if (std::string_view(ggml_backend_buft_name(*kind)) == "CPU_REPACK") {
      return *kind;
    }
  }
  return nullptr;
}

// Q4_K: two float16, 12 bytes of scales, 128 bytes of nibbles for 256 columns of a row.
constexpr std::size_t rows = 8;
constexpr std::size_t columns = 256;
constexpr std::size_t nibbles_at = 16;
constexpr std::size_t nibble_bytes = 128;
constexpr std::size_t row_bytes = nibbles_at + nibble_bytes;
using Block = std::array<std::uint8_t, rows * row_bytes>;

/// Tells apart the rows, and every four bytes of one.
std::uint8_t mark(std::size_t row, std::size_t byte) {
  return static_cast<std::uint8_t>(row * (nibble_bytes / 4) + byte / 4);
}

Block marked_rows() {
  Block block{};
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t byte = 0; byte < nibble_bytes; ++byte) {
      block.at(row * row_bytes + nibbles_at + byte) = mark(row, byte);
    }
  }
  return block;
}

bool is_interleaved_by_8_bytes(const Block &block) {
  constexpr std::size_t run = 8;
  for (std::size_t i = 0; i < rows * nibble_bytes; ++i) {
    const std::size_t row = i / run % rows;
    const std::size_t byte = i / (run * rows) * run + i % run;
    if (block.at(rows * nibbles_at + i) != mark(row, byte)) {
      return false;
    }
  }
  return true;
}

/// What ggml marks weights with whose rows it made one, interleaved by eight bytes; null if it does
/// not. It knows several orders, takes one by the CPU, and names none of them, so it is given eight
/// rows to see.
const void *mark_of_8_rows() {
  ggml_backend_buffer_type_t kind = repacking();
  if (kind == nullptr) {
    return nullptr;
  }
  const ggml_context_ptr context(ggml_init({ggml_tensor_overhead(), nullptr, true}));
  ggml_tensor *weight = ggml_new_tensor_2d(context.get(), GGML_TYPE_Q4_K, columns, rows);
  const std::size_t size = ggml_backend_buft_get_alloc_size(kind, weight);
  const ggml_backend_buffer_ptr buffer(ggml_backend_buft_alloc_buffer(kind, size));
  if (buffer == nullptr) {
    return nullptr;
  }
  ggml_backend_tensor_alloc(buffer.get(), weight, ggml_backend_buffer_get_base(buffer.get()));
  if (weight->extra == nullptr) {
    return nullptr; // it leaves such weights as they are
  }
  Block block = marked_rows();
  ggml_backend_tensor_set(weight, block.data(), 0, block.size());
  std::memcpy(block.data(), weight->data, block.size());
  return is_interleaved_by_8_bytes(block) ? weight->extra : nullptr;
}

} // namespace

bool has_8_rows_as_one(const ggml_tensor &weight) {
  if (weight.type != GGML_TYPE_Q4_K || weight.extra == nullptr) {
    return false;
  }
  static const void *const known = mark_of_8_rows();
  return weight.extra == known;
}

kernels::Matrix matrix_of(const ggml_tensor &weight) {
  const ggml_type type = weight.type;
  kernels::Matrix matrix{};
  matrix.data = weight.data;
  matrix.rows = weight.ne[1];
  matrix.columns = weight.ne[0];
  matrix.row_bytes = weight.nb[1];
  matrix.block_columns = ggml_blck_size(type);
  matrix.block_bytes = ggml_type_size(type);
  matrix.format = has_8_rows_as_one(weight) ? kernels::Format::q4_k_of_8_rows : format_of(type);
  matrix.to_float = ggml_get_type_traits(type)->to_float;
  if (type == GGML_TYPE_F32) {
    matrix.to_float = [](const void *row, float *values, std::int64_t count) {
      std::memcpy(values, row, static_cast<std::size_t>(count) * sizeof(float));
    };
  }
  return matrix;
}

} // namespace ppocrvl
