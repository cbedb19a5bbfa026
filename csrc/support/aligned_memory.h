// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>

namespace ppocrvl {

constexpr std::align_val_t line_alignment{64};

struct FreeAligned {
  void operator()(std::byte *memory) const { ::operator delete(memory, line_alignment); }
};

/// Aligned to 64.
using AlignedMemory = std::unique_ptr<std::byte, FreeAligned>;

/// Zeros. Throws std::bad_alloc.
inline AlignedMemory allocate_aligned(std::size_t bytes) {
  AlignedMemory memory(static_cast<std::byte *>(::operator new(bytes, line_alignment)));
  std::memset(memory.get(), 0, bytes);
  return memory;
}

} // namespace ppocrvl
