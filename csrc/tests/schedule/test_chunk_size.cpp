// SPDX-License-Identifier: Apache-2.0
#include "schedule/chunk_size.h"
#include "tests/check.h"

using ppocrvl::ChunkSize;

namespace {

constexpr int largest = 256;

/// After many steps in which a token took 20 ms and each row of a prompt so much more.
ChunkSize learned(double seconds_per_row) {
  constexpr double plain = 0.02;
  ChunkSize size;
  for (int i = 0; i < 50; ++i) {
    size.note(0, plain);
    const int rows = size.rows(largest);
    size.note(rows, plain + seconds_per_row * rows);
  }
  return size;
}

} // namespace

TEST_CASE("chunk size: the smallest until a chunk was seen") {
  ChunkSize size;
  CHECK_EQUAL(size.rows(largest), ChunkSize::smallest);
  CHECK_EQUAL(size.rows(5), 5);
  size.note(0, 0.02);
  CHECK_EQUAL(size.rows(largest), ChunkSize::smallest);
}

TEST_CASE("chunk size: as many rows as fit into the time that a step may wait") {
  CHECK_EQUAL(learned(0.001).rows(largest), static_cast<int>(ChunkSize::target / 0.001));
  CHECK_EQUAL(learned(0.0001).rows(largest), largest);
  CHECK_EQUAL(learned(0.01).rows(largest), ChunkSize::smallest);
}

TEST_CASE("chunk size: it follows a machine that becomes slower") {
  ChunkSize size = learned(0.0005);
  for (int i = 0; i < 20; ++i) {
    size.note(100, 0.02 + 0.1);
  }
  CHECK(size.rows(largest) < static_cast<int>(ChunkSize::target / 0.00095));
}

TEST_CASE("chunk size: a step that was faster than those without a prompt means no harm") {
  ChunkSize size;
  size.note(0, 5.0); // reads the weights from the disk
  size.note(64, 0.05);
  CHECK_EQUAL(size.rows(largest), largest);
  // The rest of a prompt says little of what a row costs.
  size.note(1, 60.0);
  CHECK_EQUAL(size.rows(largest), largest);
}
