// SPDX-License-Identifier: Apache-2.0
#include "tests/check.h"
#include "vision/embedding_cache.h"

#include <cstddef>
#include <memory>
#include <vector>

using ppocrvl::EmbeddingCache;
using ppocrvl::Embeddings;
using ppocrvl::EmbeddingsPtr;

namespace {

EmbeddingsPtr floats(std::size_t count) {
  return std::make_shared<const Embeddings>(Embeddings{{1, 1}, std::vector<float>(count)});
}

} // namespace

TEST_CASE("embedding cache: what was used last stays") {
  EmbeddingCache cache(std::size_t{12} * sizeof(float));
  const auto first = floats(4);
  cache.insert("a", first);
  cache.insert("b", floats(4));
  cache.insert("c", floats(4));
  CHECK(cache.find("a") == first);
  cache.insert("d", floats(4));
  CHECK(cache.find("b") == nullptr);
  CHECK(cache.find("a") == first);
  CHECK(cache.find("c") != nullptr);
  CHECK(cache.find("d") != nullptr);
  CHECK_EQUAL(cache.bytes(), std::size_t{12} * sizeof(float));
}

TEST_CASE("embedding cache: a large picture takes the place of several") {
  EmbeddingCache cache(40);
  cache.insert("a", floats(4));
  cache.insert("b", floats(4));
  cache.insert("large", floats(10));
  CHECK(cache.find("a") == nullptr);
  CHECK(cache.find("b") == nullptr);
  CHECK(cache.find("large") != nullptr);
  CHECK_EQUAL(cache.bytes(), 40U);
}

TEST_CASE("embedding cache: what cannot be kept is not") {
  EmbeddingCache cache(16);
  cache.insert("a", floats(4));
  cache.insert("larger than all", floats(5));
  cache.insert("", floats(1));
  CHECK(cache.find("") == nullptr);
  CHECK(cache.find("larger than all") == nullptr);
  CHECK(cache.find("a") != nullptr);
  const auto kept = cache.find("a");
  cache.insert("a", floats(4)); // two requests may encode the same picture at once
  CHECK(cache.find("a") == kept);
  CHECK_EQUAL(cache.bytes(), 16U);
  EmbeddingCache none(0);
  none.insert("a", floats(1));
  CHECK(none.find("a") == nullptr);
}
