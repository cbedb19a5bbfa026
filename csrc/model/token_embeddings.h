// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

namespace ppocrvl {

/// The rows of a model file's token_embd.weight, read from the file as they are asked for: libllama
/// has the same bytes, but no function that gives them. One thread at a time.
class TokenEmbeddings {
public:
  /// The file must have passed the model check. Throws ErrorKind::model_format.
  explicit TokenEmbeddings(const std::string &path);

  /// The embedding of a token of the vocabulary, as the graph would look it up. `values` has space
  /// for the model's width. Throws ErrorKind::engine if the file cannot be read any more.
  void read(std::int32_t token, float *values);

private:
  std::string path_;
  std::ifstream stream_;
  std::int32_t type_ = 0; // a ggml_type
  std::int64_t n_columns_ = 0;
  std::uint64_t begin_ = 0; // of the rows in the file
  std::vector<std::uint8_t> row_;
};

} // namespace ppocrvl
