// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/failing_memory.h"

#include "support/spare_memory.h"

#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <new>

namespace {

constexpr long never = std::numeric_limits<long>::max() / 2;

std::atomic<long> asked{0};
std::atomic<long> first_refused{never};
std::atomic<long> n_refused{0};
std::atomic<bool> any_refused{false};
thread_local bool is_pardoned = false;

bool is_refused() {
  if (is_pardoned) {
    return false;
  }
  const long number = asked.fetch_add(1, std::memory_order_relaxed);
  const long first = first_refused.load(std::memory_order_relaxed);
  if (number < first || number >= first + n_refused.load(std::memory_order_relaxed)) {
    return false;
  }
  any_refused = true;
  return true;
}

} // namespace

namespace failing_memory {

void refuse(long first, long count) {
  first_refused = never;
  any_refused = false;
  asked = 0;
  n_refused = count;
  first_refused = first;
  ppocrvl::spare_memory::set_refusal([](std::size_t) { return is_refused(); });
}

long stop() {
  first_refused = never;
  ppocrvl::spare_memory::set_refusal(nullptr);
  return asked;
}

bool refused() { return any_refused; }

Pardon::Pardon() { is_pardoned = true; }
Pardon::~Pardon() { is_pardoned = false; }

} // namespace failing_memory

// The linker leads all calls of these to the functions below (--wrap in CMakeLists.txt).
// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
extern "C" {
int __real_posix_memalign(void **memory, std::size_t alignment, std::size_t size);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*function)(void *), void *argument);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*function)(void *), void *argument) {
  return is_refused() ? EAGAIN : __real_pthread_create(thread, attributes, function, argument);
}
}

namespace {

void *new_or_null(std::size_t size) {
  void *memory = nullptr;
  // Not by malloc, which the reserve stands behind.
  if (is_refused() || __real_posix_memalign(&memory, alignof(std::max_align_t), size) != 0) {
    return nullptr;
  }
  return memory;
}

void *new_or_null(std::size_t size, std::align_val_t alignment) {
  void *memory = nullptr;
  if (is_refused() ||
      __real_posix_memalign(&memory, static_cast<std::size_t>(alignment), size) != 0) {
    return nullptr;
  }
  return memory;
}

void *or_throw(void *memory) {
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  return memory;
}

} // namespace
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

// NOLINTBEGIN(cppcoreguidelines-no-malloc,cppcoreguidelines-owning-memory): this is the allocator.
void *operator new(std::size_t size) { return or_throw(new_or_null(size)); }
void *operator new[](std::size_t size) { return or_throw(new_or_null(size)); }
void *operator new(std::size_t size, std::align_val_t alignment) {
  return or_throw(new_or_null(size, alignment));
}
void *operator new[](std::size_t size, std::align_val_t alignment) {
  return or_throw(new_or_null(size, alignment));
}
void *operator new(std::size_t size, const std::nothrow_t & /*tag*/) noexcept {
  return new_or_null(size);
}
void *operator new[](std::size_t size, const std::nothrow_t & /*tag*/) noexcept {
  return new_or_null(size);
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete[](void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t /*size*/) noexcept { std::free(memory); }
void operator delete[](void *memory, std::size_t /*size*/) noexcept { std::free(memory); }
void operator delete(void *memory, std::align_val_t /*alignment*/) noexcept { std::free(memory); }
void operator delete[](void *memory, std::align_val_t /*alignment*/) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t /*size*/, std::align_val_t /*alignment*/) noexcept {
  std::free(memory);
}
// NOLINTEND(cppcoreguidelines-no-malloc,cppcoreguidelines-owning-memory)
