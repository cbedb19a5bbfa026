// SPDX-License-Identifier: Apache-2.0
#include "schedule/board.h"
#include "tests/check.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

using ppocrvl::Board;
using ppocrvl::EmbedJob;
using ppocrvl::GenerateJob;
using ppocrvl::next_to_admit;
using ppocrvl::next_to_encode;

namespace {

GenerateJob job(std::uint64_t number, int priority = 0, int rows = 1) {
  GenerateJob made;
  made.number = number;
  made.prepared.request.priority = priority;
  made.prepared.grid = {rows, 1};
  return made;
}

GenerateJob encoded(std::uint64_t number, int priority = 0) {
  GenerateJob made = job(number, priority);
  made.image = std::make_shared<const ppocrvl::Embeddings>();
  return made;
}

EmbedJob embedding(std::uint64_t number) {
  EmbedJob made;
  made.number = number;
  return made;
}

std::size_t first_of(std::vector<GenerateJob> jobs) {
  Board board(0);
  board.to_admit = std::move(jobs);
  return next_to_admit(board).value();
}

using Place = std::optional<std::size_t>;

} // namespace

TEST_CASE("board: first come, first served, within a priority") {
  CHECK_EQUAL(first_of({job(3), job(1), job(2)}), 1U);
  CHECK_EQUAL(first_of({job(1), job(2, 5), job(3, 5)}), 1U);
  CHECK_EQUAL(first_of({job(1, -1), job(2)}), 1U);
  CHECK_EQUAL(first_of({job(1, std::numeric_limits<int>::min()), job(2)}), 1U);
  CHECK(!next_to_admit(Board(0)).has_value());
}

TEST_CASE("board: a few small pictures go ahead of a large one, and no more") {
  const auto page = [] { return job(10, 0, 1280); }; // as if it had come 5 places later
  CHECK_EQUAL(first_of({page(), job(11)}), 1U);
  CHECK_EQUAL(first_of({page(), job(14)}), 1U);
  CHECK_EQUAL(first_of({page(), job(15)}), 0U);
  CHECK_EQUAL(first_of({page(), job(16)}), 0U);
  CHECK_EQUAL(first_of({page(), job(11, 0, 1280)}), 0U);
}

TEST_CASE("board: only encoded pictures that go first hold the encoder back") {
  Board board(0);
  CHECK(next_to_encode(board, 2) == Place());
  board.to_encode.emplace_back(job(5));
  board.to_encode.emplace_back(job(6, 1));
  CHECK(next_to_encode(board, 2) == Place(1));
  board.to_admit = {job(1), job(2), job(3)}; // text
  CHECK(next_to_encode(board, 2) == Place(1));
  board.to_admit = {encoded(1), encoded(2), encoded(3)}; // of lower priority
  CHECK(next_to_encode(board, 2) == Place(1));
  board.to_admit = {encoded(1, 2), encoded(2, 2)};
  CHECK(next_to_encode(board, 2) == Place());
  board.to_admit = {encoded(1, 2), encoded(7, 1)};
  CHECK(next_to_encode(board, 2) == Place(1));
}

TEST_CASE("board: a picture that is only to be embedded waits for nobody's place") {
  Board board(0);
  board.to_encode.emplace_back(job(5));
  board.to_encode.emplace_back(embedding(6));
  CHECK(next_to_encode(board, 1) == Place(0));
  board.to_admit = {encoded(1)};
  CHECK(next_to_encode(board, 1) == Place(1));
  board.to_encode = {};
  CHECK(next_to_encode(board, 1) == Place());
}
