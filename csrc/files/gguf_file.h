// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace ppocrvl {

/// Value types of GGUF metadata; the numbers are those of the file format.
enum class GgufType : uint32_t {
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  string,
  array,
  u64,
  i64,
  f64,
};

/// Name as the messages and the Python side use it: "u32", "str", ...
const char *gguf_type_name(GgufType type) noexcept;

/// One metadata value: a scalar (count == 1) or a one-dimensional array of `type`.
struct GgufValue {
  GgufType type = GgufType::u8;
  bool is_array = false;
  std::vector<uint8_t> bytes;       ///< numbers and booleans, little-endian, packed
  std::vector<std::string> strings; ///< strings; may hold any bytes

  [[nodiscard]] size_t count() const noexcept;

  /// Element `i` as it stands in the file. The caller has compared `type` with T.
  template <typename T> [[nodiscard]] T get(size_t i = 0) const {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    return value;
  }

  /// Numeric element `i` of any type as a double (exact for what fits 53 bits).
  [[nodiscard]] double number(size_t i = 0) const;
};

struct GgufTensor {
  std::string name;
  std::array<int64_t, 4> shape{1, 1, 1, 1}; ///< ggml order: shape[0] is the contiguous dimension
  uint32_t n_dims = 0;
  int32_t type = 0; ///< a ggml_type whose block size divides shape[0]
  uint64_t offset =
      0; ///< bytes from the start of the file; [offset, offset + n_bytes) is inside it
  uint64_t n_bytes = 0; ///< data without the padding behind it

  [[nodiscard]] int64_t n_elements() const noexcept {
    return shape[0] * shape[1] * shape[2] * shape[3];
  }
};

/// Header, metadata and tensor table of a GGUF file; the tensor data are never read.
/// Plain data, owned by the caller, safe to read from several threads.
struct GgufFile {
  std::string path;
  uint32_t version = 0;
  uint64_t size = 0;
  uint64_t data_offset = 0;
  uint64_t alignment = 0;
  std::vector<std::pair<std::string, GgufValue>> metadata; ///< in file order, keys unique
  std::vector<GgufTensor> tensors;                         ///< in file order, names unique
  /// Where each key with its value stands: first byte, and the byte behind it.
  std::vector<std::pair<uint64_t, uint64_t>> metadata_places;

  [[nodiscard]] const GgufValue *find(const std::string &key) const;
  [[nodiscard]] const GgufTensor *find_tensor(const std::string &name) const;
  /// general.architecture, or "" where it is absent or not a string.
  [[nodiscard]] std::string architecture() const;

  std::unordered_map<std::string, size_t> key_index;
  std::unordered_map<std::string, size_t> tensor_index;
};

/// Reads what stands before the tensor data and checks every size, count, type and offset against
/// the file's size before it is used; memory stays in proportion to what the file really holds.
/// `path` is UTF-8. Throws Error(model_format).
GgufFile read_gguf(const std::string &path);

/// Upper-case name of a ggml type ("F32", "Q4_K"), or "?" for a number that is none.
std::string tensor_type_name(int32_t type);

/// The ggml type of that name (any case). Throws Error(option) for an unknown name.
int32_t tensor_type_number(const std::string &name);

/// Bytes of a row of `n_elements` in the type of that name (any case).
/// Throws Error(option) for an unknown name, or a row that the type's block size does not divide.
uint64_t quantized_row_bytes(const std::string &type, int64_t n_elements);

/// Text from a file made fit for a one-line message: in quotes, unprintable bytes escaped, cut.
std::string in_quotes(const std::string &text);

} // namespace ppocrvl
