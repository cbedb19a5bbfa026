// SPDX-License-Identifier: Apache-2.0
#include "model/token_embeddings.h"

#include "files/gguf_file.h"
#include "ggml.h"
#include "support/error.h"

#include <cstring>
#include <filesystem>

namespace ppocrvl {

TokenEmbeddings::TokenEmbeddings(const std::string &path)
    : path_(path), stream_(std::filesystem::u8path(path), std::ios::binary) {
  const GgufFile file = read_gguf(path);
  const GgufTensor *tensor = file.find_tensor("token_embd.weight");
  if (tensor == nullptr || !stream_) {
    throw Error(ErrorKind::model_format,
                path + ": the token embeddings cannot be read; export it again");
  }
  type_ = tensor->type;
  n_columns_ = tensor->shape[0];
  begin_ = tensor->offset;
  row_.resize(ggml_row_size(static_cast<ggml_type>(type_), n_columns_));
}

void TokenEmbeddings::read(std::int32_t token, float *values) {
  stream_.seekg(
      static_cast<std::streamoff>(begin_ + static_cast<std::size_t>(token) * row_.size()));
  stream_.read(reinterpret_cast<char *>(row_.data()), static_cast<std::streamsize>(row_.size()));
  if (!stream_) {
    stream_.clear();
    throw Error(ErrorKind::engine, "cannot read " + path_ + " any more; is the disk still there?");
  }
  const auto type = static_cast<ggml_type>(type_);
  if (type == GGML_TYPE_F32) {
    std::memcpy(values, row_.data(), row_.size());
  } else {
    ggml_get_type_traits(type)->to_float(row_.data(), values, n_columns_);
  }
}

} // namespace ppocrvl
