// SPDX-License-Identifier: Apache-2.0
#include "layout/buffer_plan.h"

#include "kernels/map_kernels.h"

#include <algorithm>

namespace ppocrvl::layout {
namespace {

constexpr std::size_t alignment = 64;
constexpr std::size_t margin =
    static_cast<std::size_t>(kernels::map_margin) * sizeof(float) / alignment * alignment;

} // namespace

BufferPlan::BufferPlan(std::byte *memory) : base_(reinterpret_cast<std::uintptr_t>(memory)) {}

std::size_t BufferPlan::bytes() const { return most_ + 2 * margin; }

float *BufferPlan::take(std::int64_t count) {
  const std::size_t wanted =
      (static_cast<std::size_t>(count) * sizeof(float) + alignment - 1) / alignment * alignment;
  std::size_t begin = 0; // of the first gap that is large enough
  for (const auto &[used_begin, used_end] : used_) {
    if (used_begin - begin >= wanted) {
      break;
    }
    begin = used_end;
  }
  used_[begin] = begin + wanted;
  most_ = std::max(most_, begin + wanted);
  return reinterpret_cast<float *>(base_ + margin + begin); // NOLINT(performance-no-int-to-ptr)
}

void BufferPlan::give_back(const float *buffer) {
  used_.erase(reinterpret_cast<std::uintptr_t>(buffer) - base_ - margin);
}

} // namespace ppocrvl::layout
