// SPDX-License-Identifier: Apache-2.0
#include "schedule/cache_slots.h"
#include "tests/check.h"

#include <cstddef>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

using ppocrvl::CacheContent;
using ppocrvl::CacheSlots;
using ppocrvl::PreparedRequest;
using ppocrvl::reusable;

namespace {

std::vector<std::int32_t> ids(int first, int count) {
  std::vector<std::int32_t> some(static_cast<std::size_t>(count));
  std::iota(some.begin(), some.end(), first);
  return some;
}

/// `before` tokens, a picture of 2x3 tokens, `after` tokens.
PreparedRequest about(const std::string &key, int before, int after) {
  PreparedRequest prepared;
  prepared.prompt = {ids(0, before), ids(100, after)};
  prepared.grid = {2, 3};
  prepared.request.image_key = key;
  return prepared;
}

PreparedRequest text(int count) {
  PreparedRequest prepared;
  prepared.prompt.before_image = ids(0, count);
  return prepared;
}

CacheContent left_by(const PreparedRequest &prepared) {
  CacheContent content{prepared.prompt, prepared.grid, prepared.request.image_key};
  const bool has_image = prepared.grid.tokens() > 0;
  content.n_prompt =
      (has_image ? prepared.prompt.after_image : prepared.prompt.before_image).size();
  return content;
}

constexpr std::nullopt_t all = std::nullopt;

} // namespace

TEST_CASE("cache slots: what is the same need not be fed again") {
  const CacheContent held = left_by(about("a", 4, 10));
  CHECK_EQUAL(reusable(held, about("a", 4, 20), all), 4U + 6U + 10U);
  CHECK_EQUAL(reusable(held, about("a", 4, 8), all), 4U + 6U + 7U); // but the last one is
  CHECK_EQUAL(reusable(held, about("b", 4, 20), all), 0U);          // another picture
  CHECK_EQUAL(reusable(held, about("a", 5, 20), all), 0U);          // other words before it
  CHECK_EQUAL(reusable(left_by(about("", 4, 10)), about("", 4, 10), all), 0U); // who knows
  PreparedRequest turned = about("a", 4, 20);
  turned.grid = {3, 2};
  CHECK_EQUAL(reusable(held, turned, all), 0U);
  PreparedRequest other = about("a", 4, 20);
  other.prompt.after_image[3] = 0;
  CHECK_EQUAL(reusable(held, other, all), 4U + 6U + 3U);
  CHECK_EQUAL(reusable(held, text(20), all), 0U);
  CHECK_EQUAL(reusable(left_by(text(20)), text(30), all), 20U);
  CHECK_EQUAL(reusable({}, text(30), all), 0U);
  CHECK_EQUAL(reusable({}, about("a", 4, 20), all), 0U);
}

TEST_CASE("cache slots: exactly the same are whole chunks that were fed as a prompt") {
  const CacheContent held = left_by(about("a", 4, 10));
  CHECK_EQUAL(reusable(held, about("a", 4, 20), 8), 4U + 6U + 8U);
  CHECK_EQUAL(reusable(held, about("a", 4, 20), 16), 4U + 6U);
  CHECK_EQUAL(reusable(held, about("a", 4, 8), 8), 4U + 6U); // its last token is fed in a chunk
  CacheContent answered = left_by(about("a", 4, 20));
  answered.n_prompt = 7; // the others are an answer, fed one by one
  CHECK_EQUAL(reusable(answered, about("a", 4, 30), 8), 4U + 6U);
  CHECK_EQUAL(reusable(left_by(text(20)), text(30), 8), 16U);
}

TEST_CASE("cache slots: the best place, else the one not used for longest") {
  CacheSlots slots(3);
  slots.take(0);
  slots.take(1);
  slots.take(2);
  CHECK_EQUAL(slots.count(), 0U);
  slots.put(1, left_by(about("a", 4, 10)));
  slots.put(0, left_by(about("b", 4, 10)));
  CHECK_EQUAL(slots.choose(about("b", 4, 20), all).slot, 0);
  CHECK_EQUAL(slots.choose(about("b", 4, 20), all).reused, 20U);
  CHECK_EQUAL(slots.choose(about("c", 4, 20), all).slot, 1);
  CHECK_EQUAL(slots.choose(about("c", 4, 20), all).reused, 0U);
  slots.put(2, {}); // holds nothing, so that nothing is lost
  CHECK_EQUAL(slots.choose(about("c", 4, 20), all).slot, 2);
  CHECK_EQUAL(slots.tokens(-1), 40U);
  CHECK_EQUAL(slots.tokens(1), 20U);
  CHECK(slots.oldest(-1) == 1);
  CHECK(slots.oldest(1) == 0);
  slots.clear(1);
  CHECK(slots.oldest(0) == std::nullopt);
  CHECK_EQUAL(slots.tokens(-1), 20U);
}

TEST_CASE("cache slots: a few words in common are no reason to take a place") {
  CacheSlots slots(2);
  slots.take(1);
  slots.put(1, left_by(text(15)));
  CHECK_EQUAL(slots.choose(text(30), all).reused, 0U);
  CHECK_EQUAL(slots.choose(text(30), all).slot, 0);
  slots.take(1);
  slots.put(1, left_by(text(16)));
  CHECK_EQUAL(slots.choose(text(30), all).slot, 1);
}
