// SPDX-License-Identifier: Apache-2.0
#include "support/spare_memory.h"
#include "tests/check.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <random>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace ppocrvl;

struct Piece {
  unsigned char *memory;
  std::size_t size;
  unsigned char mark;
};

bool holds_its_mark(const Piece &piece) {
  for (std::size_t i = 0; i < piece.size; ++i) {
    if (piece.memory[i] != piece.mark) {
      return false;
    }
  }
  return true;
}

/// Takes pieces of random sizes and gives them back; true if none was ever written by another.
bool takes_and_gives_back(unsigned seed) {
  std::mt19937 random(seed);
  std::vector<Piece> pieces;
  pieces.reserve(16);
  bool sound = true;
  for (int i = 0; i < 2000; ++i) {
    if (pieces.size() == 16 || (!pieces.empty() && random() % 3 == 0)) {
      std::swap(pieces[random() % pieces.size()], pieces.back());
      sound = sound && holds_its_mark(pieces.back());
      spare_memory::give_back(pieces.back().memory);
      pieces.pop_back();
      continue;
    }
    const std::size_t size = std::size_t{random()} % (std::size_t{1} << (random() % 17));
    auto *const memory = static_cast<unsigned char *>(spare_memory::take(size));
    if (memory == nullptr) {
      return false;
    }
    sound = sound && spare_memory::owns(memory) && spare_memory::size_of(memory) >= size &&
            reinterpret_cast<std::uintptr_t>(memory) % 64 == 0;
    const auto mark = static_cast<unsigned char>(random());
    std::memset(memory, mark, size);
    pieces.push_back({memory, size, mark});
  }
  for (const Piece &piece : pieces) {
    sound = sound && holds_its_mark(piece);
    spare_memory::give_back(piece.memory);
  }
  return sound;
}

} // namespace

TEST_CASE("spare memory: pieces do not overlap") {
  bool first = false;
  std::thread other([&] { first = takes_and_gives_back(1); });
  const bool second = takes_and_gives_back(2);
  other.join();
  CHECK(first);
  CHECK(second);
  CHECK(spare_memory::used() == 0);
}

TEST_CASE("spare memory: ends with null") {
  CHECK(spare_memory::take(spare_memory::largest_piece + 1) == nullptr);
  std::vector<void *> pieces;
  const std::size_t most = spare_memory::reserve_bytes / spare_memory::largest_piece;
  pieces.reserve(most);
  for (std::size_t i = 0; i < most; ++i) {
    pieces.push_back(spare_memory::take(spare_memory::largest_piece));
    CHECK(pieces.back() != nullptr);
  }
  CHECK(spare_memory::take(1) == nullptr);
  spare_memory::give_back(pieces.front());
  pieces.front() = spare_memory::take(spare_memory::largest_piece);
  CHECK(pieces.front() != nullptr);
  for (void *piece : pieces) {
    spare_memory::give_back(piece);
  }
  CHECK(spare_memory::used() == 0);
}

#ifdef __linux__
// The C library's functions are what is tested.
// NOLINTBEGIN(cppcoreguidelines-no-malloc,cppcoreguidelines-owning-memory,bugprone-suspicious-realloc-usage)
TEST_CASE("spare memory: stands in for the c library") {
  spare_memory::set_refusal([](std::size_t) { return true; });
  const void *const large = std::malloc(spare_memory::largest_piece + 1);
  void *table = std::calloc(10, 100);
  const bool is_spare = spare_memory::owns(table);
  bool is_zero = true;
  for (int i = 0; i < 1000; ++i) {
    is_zero = is_zero && static_cast<unsigned char *>(table)[i] == 0;
  }
  std::memset(table, 7, 1000);
  std::free(std::malloc(0));
  spare_memory::set_refusal(nullptr);
  table = std::realloc(table, 5000); // the C library has memory again
  const bool moved = !spare_memory::owns(table);
  spare_memory::set_refusal([](std::size_t) { return true; });
  table = std::realloc(table, 9000); // and has none
  const bool moved_back = spare_memory::owns(table);
  spare_memory::set_refusal(nullptr);
  const bool kept =
      std::memcmp(table, "\7\7\7\7", 4) == 0 && static_cast<unsigned char *>(table)[999] == 7;
  std::free(table);
  CHECK(large == nullptr);
  CHECK(is_spare);
  CHECK(is_zero);
  CHECK(moved);
  CHECK(moved_back);
  CHECK(kept);
  CHECK(spare_memory::used() == 0);
}

TEST_CASE("spare memory: stands in for new that does not throw") {
  // In volatile variables: the compiler may leave out a new and its delete.
  spare_memory::set_refusal([](std::size_t) { return true; });
  const auto *volatile sized = new (std::nothrow) Piece{};
  void *volatile plain = ::operator new(100, std::nothrow);
  const bool are_spare = spare_memory::owns(sized) && spare_memory::owns(plain);
  spare_memory::set_refusal(nullptr);
  delete sized;
  ::operator delete(plain);
  const auto *volatile usual = new (std::nothrow) Piece{};
  const bool is_usual = usual != nullptr && !spare_memory::owns(usual);
  delete usual;
  CHECK(are_spare);
  CHECK(is_usual);
  CHECK(spare_memory::used() == 0);
}
// NOLINTEND(cppcoreguidelines-no-malloc,cppcoreguidelines-owning-memory,bugprone-suspicious-realloc-usage)
#endif
