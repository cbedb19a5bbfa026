// SPDX-License-Identifier: Apache-2.0
#include "vision/embedding_cache.h"

namespace ppocrvl {
namespace {

std::size_t size_of(const EmbeddingsPtr &embeddings) {
  return embeddings->values.size() * sizeof(float);
}

} // namespace

EmbeddingsPtr EmbeddingCache::find(const std::string &key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) {
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->second;
}

void EmbeddingCache::insert(const std::string &key, EmbeddingsPtr embeddings) {
  const std::size_t size = size_of(embeddings);
  if (key.empty() || size > most_bytes_ || by_key_.count(key) > 0) {
    return;
  }
  while (bytes_ + size > most_bytes_) {
    bytes_ -= size_of(entries_.back().second);
    by_key_.erase(entries_.back().first);
    entries_.pop_back();
  }
  entries_.emplace_front(key, std::move(embeddings));
  try {
    by_key_[key] = entries_.begin();
  } catch (...) {
    entries_.pop_front();
    throw;
  }
  bytes_ += size;
}

} // namespace ppocrvl
