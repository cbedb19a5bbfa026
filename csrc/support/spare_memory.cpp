// SPDX-License-Identifier: Apache-2.0
#include "support/spare_memory.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <new>

#ifdef __linux__
#include <malloc.h>
#endif

namespace ppocrvl::spare_memory {
namespace {

constexpr std::size_t unit_bytes = 256;
constexpr std::size_t n_units = reserve_bytes / unit_bytes;
static_assert(largest_piece / unit_bytes <= UINT16_MAX);

alignas(alignment) std::array<unsigned char, reserve_bytes> reserve;
std::array<std::uint16_t, n_units> piece_units; // units of the piece that begins here, or 0
std::mutex reserve_mutex;
std::atomic<std::size_t> n_used{0}; // units
std::atomic<bool (*)(std::size_t)> refusal{nullptr};

/// The unit at which memory of the reserve begins.
std::size_t unit_of(const void *memory) {
  return static_cast<std::size_t>(static_cast<const unsigned char *>(memory) - reserve.data()) /
         unit_bytes;
}

} // namespace

void *take(std::size_t size) noexcept {
  if (size > largest_piece) {
    return nullptr;
  }
  const std::size_t wanted = size == 0 ? 1 : (size + unit_bytes - 1) / unit_bytes;
  const std::scoped_lock lock(reserve_mutex);
  std::size_t n_free = 0; // before `unit`, without a gap
  std::size_t unit = 0;
  while (unit < n_units && n_free < wanted) {
    const std::size_t taken = piece_units[unit];
    n_free = taken == 0 ? n_free + 1 : 0;
    unit += taken == 0 ? 1 : taken;
  }
  if (n_free < wanted) {
    return nullptr;
  }
  const std::size_t first = unit - wanted;
  piece_units[first] = static_cast<std::uint16_t>(wanted);
  n_used += wanted;
  return reserve.data() + first * unit_bytes;
}

bool owns(const void *memory) noexcept {
  // As numbers: pointers into different objects have no order.
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  const auto begin = reinterpret_cast<std::uintptr_t>(reserve.data());
  return address >= begin && address < begin + reserve_bytes;
}

std::size_t size_of(const void *memory) noexcept {
  const std::scoped_lock lock(reserve_mutex);
  return std::size_t{piece_units[unit_of(memory)]} * unit_bytes;
}

void give_back(void *memory) noexcept {
  const std::scoped_lock lock(reserve_mutex);
  std::uint16_t &units = piece_units[unit_of(memory)];
  n_used -= units;
  units = 0;
}

std::size_t used() noexcept { return n_used * unit_bytes; }

void set_refusal(bool (*refuses)(std::size_t size)) noexcept { refusal = refuses; }

namespace {

bool is_refused(std::size_t size) {
  bool (*const refuses)(std::size_t) = refusal.load(std::memory_order_relaxed);
  return refuses != nullptr && refuses(size);
}

} // namespace
} // namespace ppocrvl::spare_memory

#ifdef __linux__
// The names are the linker's.
// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
extern "C" {
void *__real_malloc(std::size_t size);
void *__real_calloc(std::size_t count, std::size_t size);
void *__real_realloc(void *memory, std::size_t size);
int __real_posix_memalign(void **memory, std::size_t alignment, std::size_t size);
void __real_free(void *memory);

void *__wrap_malloc(std::size_t size);
void *__wrap_calloc(std::size_t count, std::size_t size);
void *__wrap_realloc(void *memory, std::size_t size);
int __wrap_posix_memalign(void **memory, std::size_t alignment, std::size_t size);
void __wrap_free(void *memory);

// operator new(std::size_t, std::nothrow_t), and operator delete without a size and with one, by
// their names in the Itanium C++ ABI where std::size_t is unsigned long.
void *__real__ZnwmRKSt9nothrow_t(std::size_t size, const std::nothrow_t &tag);
void __real__ZdlPv(void *memory);
void __real__ZdlPvm(void *memory, std::size_t size);

void *__wrap__ZnwmRKSt9nothrow_t(std::size_t size, const std::nothrow_t &tag);
void __wrap__ZdlPv(void *memory);
void __wrap__ZdlPvm(void *memory, std::size_t size);

void *__wrap_malloc(std::size_t size) {
  using namespace ppocrvl;
  void *const memory = spare_memory::is_refused(size) ? nullptr : __real_malloc(size);
  return memory != nullptr ? memory : spare_memory::take(size);
}

void *__wrap_calloc(std::size_t count, std::size_t size) {
  using namespace ppocrvl;
  const std::size_t bytes = count * size;
  if (count != 0 && bytes / count != size) {
    return nullptr;
  }
  void *memory = spare_memory::is_refused(bytes) ? nullptr : __real_calloc(count, size);
  if (memory == nullptr) {
    memory = spare_memory::take(bytes);
    if (memory != nullptr) {
      std::memset(memory, 0, bytes);
    }
  }
  return memory;
}

void *__wrap_realloc(void *memory, std::size_t size) {
  using namespace ppocrvl;
  if (!spare_memory::owns(memory)) {
    void *moved = spare_memory::is_refused(size) ? nullptr : __real_realloc(memory, size);
    if (moved == nullptr) {
      moved = spare_memory::take(size);
      if (moved != nullptr && memory != nullptr) {
        std::memcpy(moved, memory, std::min(size, malloc_usable_size(memory)));
        __real_free(memory);
      }
    }
    return moved;
  }
  const std::size_t held = spare_memory::size_of(memory);
  if (size <= held) {
    return memory;
  }
  void *const moved = __wrap_malloc(size);
  if (moved != nullptr) {
    std::memcpy(moved, memory, held);
    spare_memory::give_back(memory);
  }
  return moved;
}

int __wrap_posix_memalign(void **memory, std::size_t alignment, std::size_t size) {
  using namespace ppocrvl;
  const int error =
      spare_memory::is_refused(size) ? ENOMEM : __real_posix_memalign(memory, alignment, size);
  if (error != ENOMEM || alignment > spare_memory::alignment) {
    return error;
  }
  void *const piece = spare_memory::take(size);
  if (piece == nullptr) {
    return ENOMEM;
  }
  *memory = piece;
  return 0;
}

void __wrap_free(void *memory) {
  using namespace ppocrvl;
  if (spare_memory::owns(memory)) {
    spare_memory::give_back(memory);
  } else {
    __real_free(memory);
  }
}

void *__wrap__ZnwmRKSt9nothrow_t(std::size_t size, const std::nothrow_t &tag) {
  using namespace ppocrvl;
  void *const memory =
      spare_memory::is_refused(size) ? nullptr : __real__ZnwmRKSt9nothrow_t(size, tag);
  return memory != nullptr ? memory : spare_memory::take(size);
}

void __wrap__ZdlPv(void *memory) {
  using namespace ppocrvl;
  if (spare_memory::owns(memory)) {
    spare_memory::give_back(memory);
  } else {
    __real__ZdlPv(memory);
  }
}

void __wrap__ZdlPvm(void *memory, std::size_t size) {
  using namespace ppocrvl;
  if (spare_memory::owns(memory)) {
    spare_memory::give_back(memory);
  } else {
    __real__ZdlPvm(memory, size);
  }
}
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
#endif
