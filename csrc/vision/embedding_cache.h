// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vision/embeddings.h"

#include <cstddef>
#include <list>
#include <string>
#include <unordered_map>
#include <utility>

namespace ppocrvl {

/// Image tokens of the pictures that were used last, up to so many bytes. One thread at a time.
class EmbeddingCache {
public:
  explicit EmbeddingCache(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  /// Null if the picture is not there. An empty key never is.
  EmbeddingsPtr find(const std::string &key);

  /// Keeps the picture's tokens, and drops what was not used for longest. One that is larger than
  /// the whole cache is not kept.
  void insert(const std::string &key, EmbeddingsPtr embeddings);

  [[nodiscard]] std::size_t bytes() const { return bytes_; }

private:
  using Entry = std::pair<std::string, EmbeddingsPtr>;

  std::size_t most_bytes_;
  std::size_t bytes_ = 0;
  std::list<Entry> entries_; // the last used one first
  std::unordered_map<std::string, std::list<Entry>::iterator> by_key_;
};

} // namespace ppocrvl
