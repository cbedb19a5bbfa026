// SPDX-License-Identifier: Apache-2.0
#include "files/gguf_file.h"

#include "support/error.h"

#include <ggml.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <system_error>

namespace ppocrvl {

namespace {

// Far above any real file (the full-size model has 165 + 443 tensors, 40 keys and 103,424 tokens),
// low enough that a corrupt counter cannot make us work for minutes or fill the memory.
constexpr uint64_t max_keys = 1U << 16;
constexpr uint64_t max_tensors = 1U << 16;
constexpr uint64_t max_array = 1U << 24;
constexpr uint64_t max_string = 1U << 24;
constexpr uint64_t max_header_bytes = 1U << 30;
constexpr uint64_t max_alignment = 1U << 20;
// A mapped tensor must be aligned for ggml's CPU backend, which aborts otherwise.
constexpr uint64_t min_alignment = 32;
constexpr uint64_t default_alignment = 32;
constexpr size_t chunk_bytes = 1U << 18;

struct TypeInfo {
  const char *name;
  uint64_t size; // 0: not of fixed size
};

constexpr TypeInfo type_infos[] = {
    {"u8", 1},   {"i8", 1},  {"u16", 2},   {"i16", 2}, {"u32", 4}, {"i32", 4}, {"f32", 4},
    {"bool", 1}, {"str", 0}, {"array", 0}, {"u64", 8}, {"i64", 8}, {"f64", 8},
};
constexpr uint32_t n_types = std::size(type_infos);

[[noreturn]] void fail(const std::string &path, const std::string &what) {
  throw Error(ErrorKind::model_format, path + ": " + what);
}

/// Sequential reader that knows how many bytes are left, so that no count is believed unchecked.
class Reader {
public:
  Reader(const std::filesystem::path &file, std::string name, uint64_t size)
      : stream_(file, std::ios::binary), name_(std::move(name)), size_(size) {
    if (!stream_) {
      fail(name_, "cannot be opened for reading; check the permissions");
    }
  }

  uint64_t position() const noexcept { return position_; }
  uint64_t remaining() const noexcept { return size_ - position_; }

  [[noreturn]] void truncated(const std::string &what) const {
    fail(name_, "truncated or corrupt: " + what + " at byte " + std::to_string(position_) +
                    " reaches beyond the file's " + std::to_string(size_) +
                    " bytes; download or export it again");
  }

  void bytes(void *to, uint64_t count, const char *what) {
    if (count > remaining()) {
      truncated(what);
    }
    if (position_ + count > max_header_bytes) {
      fail(name_, "corrupt: its header is larger than 1 GiB; download or export it again");
    }
    auto *out = static_cast<char *>(to);
    while (count > 0) {
      if (chunk_position_ == chunk_.size()) {
        refill();
      }
      const uint64_t n = std::min<uint64_t>(count, chunk_.size() - chunk_position_);
      std::memcpy(out, chunk_.data() + chunk_position_, n);
      out += n;
      chunk_position_ += n;
      position_ += n;
      count -= n;
    }
  }

  template <typename T> T number(const char *what) {
    T value;
    bytes(&value, sizeof(T), what);
    return value;
  }

  std::string string(const char *what) {
    const auto length = number<uint64_t>(what);
    if (length > remaining()) {
      truncated(what);
    }
    if (length > max_string) {
      fail(name_, std::string("corrupt: ") + what + " of " + std::to_string(length) +
                      " bytes; download or export it again");
    }
    std::string text(static_cast<size_t>(length), '\0');
    if (length > 0) {
      bytes(text.data(), length, what);
    }
    return text;
  }

private:
  void refill() {
    chunk_.resize(static_cast<size_t>(std::min<uint64_t>(chunk_bytes, remaining())));
    chunk_position_ = 0;
    stream_.read(chunk_.data(), static_cast<std::streamsize>(chunk_.size()));
    if (static_cast<size_t>(stream_.gcount()) != chunk_.size() || chunk_.empty()) {
      fail(name_, "cannot be read at byte " + std::to_string(position_) +
                      "; check the disk, then download or export it again");
    }
  }

  std::ifstream stream_;
  std::string name_;
  uint64_t size_;
  uint64_t position_ = 0;
  std::vector<char> chunk_;
  size_t chunk_position_ = 0;
};

/// Names are compared as C strings by llama.cpp: a NUL inside would make two names look the same.
bool is_plain_name(const std::string &name) {
  return !name.empty() && std::all_of(name.begin(), name.end(),
                                      [](unsigned char c) { return c > 0x20 && c < 0x7f; });
}

GgufType read_type(Reader &reader, const GgufFile &file, const std::string &key) {
  const auto number = reader.number<uint32_t>("a value type");
  if (number >= n_types) {
    fail(file.path, "corrupt: key " + in_quotes(key) + " has the unknown type " +
                        std::to_string(number) + "; download or export it again");
  }
  return static_cast<GgufType>(number);
}

GgufValue read_value(Reader &reader, const GgufFile &file, const std::string &key) {
  GgufValue value;
  value.type = read_type(reader, file, key);
  uint64_t count = 1;
  if (value.type == GgufType::array) {
    value.is_array = true;
    value.type = read_type(reader, file, key);
    if (value.type == GgufType::array) {
      fail(file.path, "key " + in_quotes(key) + " is an array of arrays, which is not supported");
    }
    count = reader.number<uint64_t>("an array length");
  }
  const uint64_t size = type_infos[static_cast<uint32_t>(value.type)].size;
  // A string takes at least its length field.
  const uint64_t least = size == 0 ? sizeof(uint64_t) : size;
  if (count > max_array || count > reader.remaining() / least) {
    reader.truncated("the array " + in_quotes(key) + " of " + std::to_string(count) + " elements");
  }
  if (value.type == GgufType::string) {
    value.strings.reserve(static_cast<size_t>(count));
    for (uint64_t i = 0; i < count; ++i) {
      value.strings.push_back(reader.string("a string value"));
    }
    return value;
  }
  value.bytes.resize(static_cast<size_t>(count * size));
  reader.bytes(value.bytes.data(), count * size, "a value");
  if (value.type == GgufType::boolean &&
      std::any_of(value.bytes.begin(), value.bytes.end(), [](uint8_t b) { return b > 1; })) {
    fail(file.path, "corrupt: key " + in_quotes(key) +
                        " holds a boolean that is neither 0 nor 1; download or export it again");
  }
  return value;
}

uint64_t read_alignment(const GgufFile &file) {
  const GgufValue *value = file.find("general.alignment");
  if (value == nullptr) {
    return default_alignment;
  }
  if (value->is_array || value->type != GgufType::u32) {
    fail(file.path, "key 'general.alignment' must be a u32 number");
  }
  const uint64_t alignment = value->get<uint32_t>();
  if (alignment < min_alignment || alignment > max_alignment ||
      (alignment & (alignment - 1)) != 0) {
    fail(file.path, "general.alignment is " + std::to_string(alignment) +
                        "; it must be a power of two from 32 to 1048576");
  }
  return alignment;
}

GgufTensor read_tensor_info(Reader &reader, const GgufFile &file) {
  GgufTensor tensor;
  tensor.name = reader.string("a tensor name");
  if (!is_plain_name(tensor.name) || tensor.name.size() >= GGML_MAX_NAME) {
    fail(file.path,
         "corrupt: " + in_quotes(tensor.name) + " is no tensor name; download or export it again");
  }
  const std::string where = "tensor " + in_quotes(tensor.name);
  tensor.n_dims = reader.number<uint32_t>("a tensor's number of dimensions");
  if (tensor.n_dims < 1 || tensor.n_dims > tensor.shape.size()) {
    fail(file.path, "corrupt: " + where + " has " + std::to_string(tensor.n_dims) +
                        " dimensions; download or export it again");
  }
  int64_t elements = 1;
  for (uint32_t i = 0; i < tensor.n_dims; ++i) {
    const auto extent = reader.number<int64_t>("a tensor's shape");
    if (extent < 1 || extent > std::numeric_limits<int32_t>::max() ||
        elements > std::numeric_limits<int64_t>::max() / extent) {
      fail(file.path, "corrupt: " + where + " has an extent of " + std::to_string(extent) +
                          "; download or export it again");
    }
    tensor.shape[i] = extent;
    elements *= extent;
  }
  tensor.type = reader.number<int32_t>("a tensor's type");
  const bool known = tensor.type >= 0 && tensor.type < GGML_TYPE_COUNT;
  const auto type = known ? static_cast<ggml_type>(tensor.type) : GGML_TYPE_COUNT;
  if (!known || ggml_blck_size(type) == 0) {
    fail(file.path, where + " has the type " + std::to_string(tensor.type) +
                        ", which is unknown here: the file is corrupt, or needs a newer ppocrvl");
  }
  if (tensor.shape[0] % ggml_blck_size(type) != 0) {
    fail(file.path, "corrupt: " + where + " has rows of " + std::to_string(tensor.shape[0]) +
                        " elements, which " + tensor_type_name(tensor.type) + " blocks of " +
                        std::to_string(ggml_blck_size(type)) + " do not divide");
  }
  const auto blocks = static_cast<uint64_t>(elements / ggml_blck_size(type));
  const uint64_t block_bytes = ggml_type_size(type);
  // More than the file could hold is caught here, before anything can overflow.
  if (blocks > file.size / block_bytes) {
    fail(file.path, "truncated or corrupt: " + where + " needs " + std::to_string(blocks) +
                        " blocks of " + std::to_string(block_bytes) + " bytes but the file has " +
                        std::to_string(file.size) + " bytes; download or export it again");
  }
  tensor.n_bytes = blocks * block_bytes;
  tensor.offset = reader.number<uint64_t>("a tensor's offset");
  return tensor;
}

/// The tensors follow each other without gaps or overlaps, each one padded to the alignment.
void place_tensors(GgufFile &file, uint64_t header_end) {
  file.data_offset = (header_end + file.alignment - 1) / file.alignment * file.alignment;
  uint64_t expected = 0;
  for (GgufTensor &tensor : file.tensors) {
    if (tensor.offset != expected) {
      fail(file.path, "corrupt: tensor " + in_quotes(tensor.name) + " starts at data byte " +
                          std::to_string(tensor.offset) + " instead of " +
                          std::to_string(expected) + "; download or export it again");
    }
    tensor.offset += file.data_offset;
    const uint64_t end = tensor.offset + tensor.n_bytes;
    if (end > file.size) {
      fail(file.path, "truncated: tensor " + in_quotes(tensor.name) + " ends at byte " +
                          std::to_string(end) + " but the file has " + std::to_string(file.size) +
                          "; download or export it again");
    }
    expected += (tensor.n_bytes + file.alignment - 1) / file.alignment * file.alignment;
  }
}

void read_version(Reader &reader, GgufFile &file) {
  std::array<char, 4> magic{};
  reader.bytes(magic.data(), magic.size(), "the magic number");
  if (std::memcmp(magic.data(), "GGUF", magic.size()) != 0) {
    fail(file.path, "not a GGUF file: it begins with " +
                        in_quotes(std::string(magic.data(), magic.size())) + " instead of 'GGUF'");
  }
  file.version = reader.number<uint32_t>("the version");
  if ((file.version & 0xffff) == 0 && file.version != 0) {
    fail(file.path, "a big-endian GGUF file, which is not supported; convert it to little-endian");
  }
  if (file.version < 2 || file.version > 3) {
    fail(file.path, "GGUF version " + std::to_string(file.version) +
                        "; versions 2 and 3 are supported; convert the model again");
  }
}

} // namespace

const char *gguf_type_name(GgufType type) noexcept {
  const auto number = static_cast<uint32_t>(type);
  return number < n_types ? type_infos[number].name : "?";
}

size_t GgufValue::count() const noexcept {
  if (type == GgufType::string) {
    return strings.size();
  }
  const uint64_t size = type_infos[static_cast<uint32_t>(type)].size;
  return size == 0 ? 0 : bytes.size() / static_cast<size_t>(size);
}

double GgufValue::number(size_t i) const {
  switch (type) {
  case GgufType::u8:
  case GgufType::boolean:
    return get<uint8_t>(i);
  case GgufType::i8:
    return get<int8_t>(i);
  case GgufType::u16:
    return get<uint16_t>(i);
  case GgufType::i16:
    return get<int16_t>(i);
  case GgufType::u32:
    return get<uint32_t>(i);
  case GgufType::i32:
    return get<int32_t>(i);
  case GgufType::f32:
    return get<float>(i);
  case GgufType::u64:
    return static_cast<double>(get<uint64_t>(i));
  case GgufType::i64:
    return static_cast<double>(get<int64_t>(i));
  case GgufType::f64:
    return get<double>(i);
  case GgufType::string:
  case GgufType::array:
    break;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

const GgufValue *GgufFile::find(const std::string &key) const {
  const auto found = key_index.find(key);
  return found == key_index.end() ? nullptr : &metadata[found->second].second;
}

const GgufTensor *GgufFile::find_tensor(const std::string &name) const {
  const auto found = tensor_index.find(name);
  return found == tensor_index.end() ? nullptr : &tensors[found->second];
}

std::string GgufFile::architecture() const {
  const GgufValue *value = find("general.architecture");
  const bool is_string = value != nullptr && !value->is_array && value->type == GgufType::string;
  return is_string ? value->strings.front() : std::string();
}

GgufFile read_gguf(const std::string &path) {
  const std::filesystem::path native = std::filesystem::u8path(path);
  std::error_code error;
  // A pipe or a device would block, and has no size to check against.
  if (!std::filesystem::is_regular_file(native, error)) {
    fail(path, std::filesystem::exists(native, error) ? "not a file" : "no such file");
  }
  GgufFile file;
  file.path = path;
  file.size = std::filesystem::file_size(native, error);
  if (error) {
    fail(path, "its size cannot be read; check the permissions");
  }
  if (file.size == 0) {
    fail(path, "the file is empty; download or export it again");
  }
  Reader reader(native, path, file.size);
  read_version(reader, file);

  const auto tensor_count = reader.number<uint64_t>("the number of tensors");
  const auto key_count = reader.number<uint64_t>("the number of keys");
  if (tensor_count > max_tensors || key_count > max_keys) {
    fail(path, "corrupt: its header announces " + std::to_string(tensor_count) + " tensors and " +
                   std::to_string(key_count) + " keys; download or export it again");
  }
  for (uint64_t i = 0; i < key_count; ++i) {
    const uint64_t begin = reader.position();
    std::string key = reader.string("a key");
    if (!is_plain_name(key)) {
      fail(path, "corrupt: " + in_quotes(key) + " is no metadata key; download or export it again");
    }
    if (!file.key_index.emplace(key, file.metadata.size()).second) {
      fail(path, "corrupt: key " + in_quotes(key) + " occurs twice; download or export it again");
    }
    GgufValue value = read_value(reader, file, key);
    file.metadata.emplace_back(std::move(key), std::move(value));
    file.metadata_places.emplace_back(begin, reader.position());
  }
  file.alignment = read_alignment(file);
  for (uint64_t i = 0; i < tensor_count; ++i) {
    GgufTensor tensor = read_tensor_info(reader, file);
    if (!file.tensor_index.emplace(tensor.name, file.tensors.size()).second) {
      fail(path, "corrupt: tensor " + in_quotes(tensor.name) +
                     " occurs twice; download or export it again");
    }
    file.tensors.push_back(std::move(tensor));
  }
  place_tensors(file, reader.position());
  return file;
}

std::string tensor_type_name(int32_t type) {
  if (type < 0 || type >= GGML_TYPE_COUNT) {
    return "?";
  }
  std::string name = ggml_type_name(static_cast<ggml_type>(type));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return name;
}

int32_t tensor_type_number(const std::string &name) {
  std::string wanted = name;
  std::transform(wanted.begin(), wanted.end(), wanted.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  for (int32_t i = 0; i < GGML_TYPE_COUNT; ++i) {
    if (ggml_blck_size(static_cast<ggml_type>(i)) != 0 && tensor_type_name(i) == wanted) {
      return i;
    }
  }
  throw Error(ErrorKind::option, in_quotes(name) + " is no tensor type; types are F32, F16, BF16, "
                                                   "Q8_0, Q6_K, Q5_K, Q4_K, Q4_0, ...");
}

uint64_t quantized_row_bytes(const std::string &type, int64_t n_elements) {
  const auto number = static_cast<ggml_type>(tensor_type_number(type));
  const int64_t block = ggml_blck_size(number);
  // 2^40 elements keep the product far from overflow for any block.
  if (n_elements < 0 || n_elements > (int64_t{1} << 40) || n_elements % block != 0) {
    throw Error(ErrorKind::option, "a row of " + std::to_string(n_elements) +
                                       " elements cannot be " + tensor_type_name(number) +
                                       ": its blocks hold " + std::to_string(block));
  }
  return static_cast<uint64_t>(n_elements / block) * ggml_type_size(number);
}

std::string in_quotes(const std::string &text) {
  constexpr size_t longest = 60;
  constexpr const char *hex = "0123456789abcdef";
  std::string out = "'";
  for (size_t i = 0; i < text.size() && i < longest; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '\'' || c == '\\') {
      out += '\\';
      out += text[i];
    } else if (c < 0x20 || c >= 0x7f) {
      out += "\\x";
      out += hex[c >> 4];
      out += hex[c & 15];
    } else {
      out += text[i];
    }
  }
  return out + (text.size() > longest ? "...'" : "'");
}

} // namespace ppocrvl
