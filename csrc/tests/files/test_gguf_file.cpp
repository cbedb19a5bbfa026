// SPDX-License-Identifier: Apache-2.0
#include "files/gguf_file.h"
#include "support/error.h"
#include "tests/check.h"
#include "tests/gguf_builder.h"

namespace ppocrvl::tests {

namespace {

/// Two keys and two tensors: small enough to try every truncation.
GgufBuilder small_file() {
  GgufBuilder builder;
  builder.string("general.architecture", "paddleocr");
  builder.ints("sections", {16, 24, 24, 0});
  builder.tensor("first", {5, 3});
  builder.tensor("second", {32, 2}, GGML_TYPE_Q8_0);
  return builder;
}

std::string format_error(const std::string &bytes) {
  return message_of(ErrorKind::model_format, [&] { read_bytes(bytes); });
}

/// The small file with a number written over its bytes at `offset`.
template <typename T> std::string patched(size_t offset, T value) {
  std::string bytes = small_file().bytes();
  bytes.replace(offset, sizeof(T), GgufBuilder::raw(value));
  return bytes;
}

// Where the header's fields stand: magic, version, tensor count, key count, first key.
constexpr size_t version_at = 4;
constexpr size_t tensor_count_at = 8;
constexpr size_t key_count_at = 16;
constexpr size_t first_key_at = 24;
// Between a tensor's name and its type: the number of dimensions and two extents.
constexpr size_t shape_bytes = sizeof(uint32_t) + 2 * sizeof(int64_t);
constexpr uint64_t huge = uint64_t{1} << 62;

size_t after(const std::string &bytes, const std::string &part) {
  return bytes.find(part) + part.size();
}

} // namespace

TEST_CASE("a GGUF file is read with absolute offsets and typed values") {
  const GgufFile file = read_bytes(small_file().bytes());
  CHECK(file.version == 3);
  CHECK(file.architecture() == "paddleocr");
  CHECK(file.find("sections")->count() == 4);
  CHECK(file.find("sections")->get<int32_t>(1) == 24);
  CHECK(file.find("absent") == nullptr);
  CHECK(file.tensors.size() == 2);
  CHECK(file.tensors[0].n_bytes == 60);
  CHECK(file.tensors[0].offset == file.data_offset);
  CHECK(file.tensors[1].offset == file.data_offset + 64);
  CHECK(file.tensors[1].n_bytes == uint64_t{2} * 34);
  CHECK(file.find_tensor("second")->shape[1] == 2);
  CHECK(file.size == file.tensors[1].offset + file.tensors[1].n_bytes);
}

TEST_CASE("every truncation of a GGUF file is an error") {
  const std::string bytes = small_file().bytes();
  size_t refused = 0;
  for (size_t length = 0; length < bytes.size(); ++length) {
    const std::string message = format_error(bytes.substr(0, length));
    refused += contains(message, "truncated") || contains(message, "empty") ? 1U : 0U;
  }
  CHECK(refused == bytes.size());
  CHECK(contains(format_error(bytes.substr(0, bytes.size() - 1)),
                 "tensor 'second' ends at byte " + std::to_string(bytes.size()) +
                     " but the file has " + std::to_string(bytes.size() - 1)));
}

TEST_CASE("a path that is no readable file is an error") {
  CHECK(contains(message_of(ErrorKind::model_format, [] { read_gguf("/nonexistent/x.gguf"); }),
                 "/nonexistent/x.gguf: no such file"));
  CHECK(contains(message_of(ErrorKind::model_format, [] { read_gguf("."); }), "not a file"));
}

TEST_CASE("wrong magic and versions are named") {
  CHECK(contains(format_error(patched<uint32_t>(0, 0x46475546)), "not a GGUF file"));
  CHECK(contains(format_error(patched<uint32_t>(version_at, 1)), "GGUF version 1"));
  CHECK(contains(format_error(patched<uint32_t>(version_at, 4)), "GGUF version 4"));
  CHECK(contains(format_error(patched<uint32_t>(version_at, 0x03000000)), "big-endian"));
  CHECK(read_bytes(patched<uint32_t>(version_at, 2)).version == 2);
}

TEST_CASE("absurd counts and lengths are refused before memory is taken for them") {
  const std::string bytes = small_file().bytes();
  for (const uint64_t count : {huge, ~uint64_t{0}, uint64_t{1} << 32}) {
    CHECK(contains(format_error(patched(tensor_count_at, count)), "announces"));
    CHECK(contains(format_error(patched(key_count_at, count)), "announces"));
    CHECK(contains(format_error(patched(first_key_at, count)), "truncated"));
    const size_t architecture_length = after(bytes, "general.architecture") + 4;
    CHECK(contains(format_error(patched(architecture_length, count)), "truncated"));
    const size_t array_length = after(bytes, "sections") + 8;
    CHECK(contains(format_error(patched(array_length, count)), "'sections'"));
  }
  // More keys or tensors than there are run into the end of the file or into nonsense.
  CHECK(format_error(patched<uint64_t>(tensor_count_at, 3)) != "no error");
  CHECK(format_error(patched<uint64_t>(key_count_at, 3)) != "no error");
}

TEST_CASE("value types, booleans and keys are checked") {
  const size_t type_at = after(small_file().bytes(), "general.architecture");
  CHECK(contains(format_error(patched<uint32_t>(type_at, 13)), "unknown type 13"));
  const size_t element_type_at = after(small_file().bytes(), "sections") + 4;
  CHECK(contains(format_error(patched<uint32_t>(element_type_at, 9)), "array of arrays"));
  CHECK(contains(format_error(patched<uint32_t>(element_type_at, 99)), "unknown type 99"));

  GgufBuilder builder = small_file();
  builder.set("flag", GgufBuilder::raw_type(GgufType::boolean) + GgufBuilder::raw(uint8_t{2}));
  CHECK(contains(format_error(builder.bytes()), "'flag' holds a boolean"));
  for (const std::string &key : {std::string(), std::string("a\0b", 3), std::string("a\nb")}) {
    builder = small_file();
    builder.u32(key, 1);
    CHECK(contains(format_error(builder.bytes()), "is no metadata key"));
  }
  builder = small_file();
  builder.keys.push_back(builder.keys.front());
  CHECK(contains(format_error(builder.bytes()), "'general.architecture' occurs twice"));
}

TEST_CASE("the alignment must be a power of two that ggml can map") {
  for (const uint32_t alignment : {0U, 1U, 16U, 48U, 1U << 21}) {
    GgufBuilder builder = small_file();
    builder.u32("general.alignment", alignment);
    CHECK(contains(format_error(builder.bytes()), "general.alignment is"));
  }
  GgufBuilder builder = small_file();
  builder.f32("general.alignment", 32);
  CHECK(contains(format_error(builder.bytes()), "must be a u32"));
  builder.u32("general.alignment", 64);
  builder.alignment = 64;
  CHECK(read_bytes(builder.bytes()).data_offset % 64 == 0);
}

TEST_CASE("tensor names, shapes and types are checked") {
  const auto error_with = [](auto edit) {
    GgufBuilder builder = small_file();
    edit(builder);
    return format_error(builder.header());
  };
  CHECK(contains(error_with([](auto &b) { b.tensors[1].name = "first"; }), "'first' occurs twice"));
  CHECK(contains(error_with([](auto &b) { b.tensors[0].name = ""; }), "is no tensor name"));
  CHECK(contains(error_with([](auto &b) { b.tensors[0].name = std::string(64, 'x'); }),
                 "is no tensor name"));
  CHECK(contains(error_with([](auto &b) { b.tensors[0].shape = {1, 1, 1, 1, 1}; }),
                 "has 5 dimensions"));
  CHECK(contains(error_with([](auto &b) { b.tensors[0].shape = {}; }), "has 0 dimensions"));
  CHECK(contains(error_with([](auto &b) { b.tensors[0].shape = {5, 0}; }), "extent of 0"));
  CHECK(contains(error_with([](auto &b) { b.tensors[0].shape = {5, -3}; }), "extent of -3"));
  constexpr int64_t wide = 1 << 30;
  CHECK(contains(error_with([](auto &b) { b.tensors[0].shape = {wide, wide, wide, wide}; }),
                 "extent of"));
  CHECK(contains(error_with([](auto &b) { b.tensors[0].shape = {wide, wide}; }), "truncated"));
  CHECK(contains(error_with([](auto &b) { b.tensors[1].shape = {33, 2}; }),
                 "which Q8_0 blocks of 32 do not divide"));

  const std::string bytes = small_file().bytes();
  const size_t type_at = after(bytes, "first") + shape_bytes;
  for (const int32_t type : {-1, 4, 31, int{GGML_TYPE_COUNT}, 1 << 30}) {
    CHECK(contains(format_error(patched(type_at, type)), "which is unknown here"));
  }
}

TEST_CASE("tensor data must follow each other in order and inside the file") {
  const std::string bytes = small_file().bytes();
  const size_t first_offset_at = after(bytes, "first") + shape_bytes + sizeof(int32_t);
  const size_t second_offset_at = after(bytes, "second") + shape_bytes + sizeof(int32_t);
  CHECK(contains(format_error(patched(first_offset_at, uint64_t{32})), "starts at data byte 32"));
  CHECK(contains(format_error(patched(second_offset_at, uint64_t{0})), "instead of 64"));
  CHECK(contains(format_error(patched(second_offset_at, huge)), "instead of 64"));
  CHECK(read_bytes(bytes + "bytes behind the last tensor").tensors.size() == 2);
}

TEST_CASE("text from a file cannot break a message") {
  CHECK(in_quotes("a\nb'\xff") == "'a\\x0ab\\'\\xff'");
  CHECK(in_quotes(std::string(100, 'x')) == "'" + std::string(60, 'x') + "...'");
}

TEST_CASE("the bytes of a quantized row") {
  CHECK(quantized_row_bytes("F32", 7) == 28);
  CHECK(quantized_row_bytes("q8_0", 1024) == uint64_t{1024} / 32 * 34);
  CHECK(quantized_row_bytes("Q4_K", 1024) == uint64_t{4} * 144);
  CHECK(contains(message_of(ErrorKind::option, [] { quantized_row_bytes("Q4_K", 1152); }),
                 "its blocks hold 256"));
  CHECK(contains(message_of(ErrorKind::option, [] { quantized_row_bytes("Q9", 32); }),
                 "'Q9' is no tensor type"));
  CHECK(contains(message_of(ErrorKind::option, [] { quantized_row_bytes("F32", -1); }), "-1"));
}

} // namespace ppocrvl::tests
