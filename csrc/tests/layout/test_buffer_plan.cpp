// SPDX-License-Identifier: Apache-2.0
#include "layout/buffer_plan.h"
#include "tests/check.h"

#include <cstddef>
#include <optional>
#include <vector>

using ppocrvl::layout::Buffer;
using ppocrvl::layout::BufferPlan;

TEST_CASE("layout buffers: a place is taken again when its owner is gone") {
  alignas(64) static std::byte memory[1 << 16];
  BufferPlan plan(memory);
  const Buffer first(plan, 100);
  std::optional<Buffer> second;
  second.emplace(plan, 200);
  const Buffer third(plan, 1);
  const float *gap = second->data();
  const std::size_t bytes = plan.bytes();
  second.reset();
  const Buffer fourth(plan, 208); // as large as the gap, which is a multiple of 64 bytes
  CHECK(fourth.data() == gap);
  CHECK_EQUAL(plan.bytes(), bytes);
  const Buffer fifth(plan, 1);
  CHECK(fifth.data() > third.data());
  CHECK(reinterpret_cast<const std::byte *>(first.data()) >= memory + 128); // the margin
  CHECK(reinterpret_cast<const std::byte *>(fifth.data()) + 64 + 128 <= memory + plan.bytes());
}

TEST_CASE("layout buffers: a plan without memory measures the same") {
  BufferPlan plan(nullptr);
  {
    const Buffer first(plan, 1000);
    const Buffer second(plan, 24);
  }
  const Buffer third(plan, 16);
  CHECK_EQUAL(plan.bytes(), std::size_t{4032 + 128 + 256}); // rounded up, and the margins
}
