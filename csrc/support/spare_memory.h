// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

/// Memory for when there is none: upstream's C code uses what `malloc` and its like give it for its
/// smaller tables (hash tables, lists of splits, states of threads) without a look, so
/// one kilobyte that cannot be had would be a segmentation fault. Linux's linker leads all calls of
/// them from our code and upstream's here (`--wrap`, in CMakeLists.txt). Where the C library has
/// nothing, up to `largest_piece` comes from a reserve inside the program, which costs no memory
/// until it is touched. What is larger, ggml's buffers, upstream checks; so does C++ with `new`.
/// `new (std::nothrow)`, which we make of ggml-backend.cpp's one `new`
/// (third_party/llama.cpp/libraries), has the reserve too: for the loader of weights a missing
/// buffer's header means that every kernel can have the weight.
namespace ppocrvl::spare_memory {

constexpr std::size_t largest_piece = std::size_t{2} << 20; // bytes
constexpr std::size_t alignment = 64;                       // of every piece, bytes
constexpr std::size_t reserve_bytes = std::size_t{8} << 20;

/// Memory of the reserve, aligned to `alignment`; null if `size` is above `largest_piece` or the
/// reserve is spent. Any thread.
void *take(std::size_t size) noexcept;

/// Whether the memory is the reserve's.
bool owns(const void *memory) noexcept;

/// Bytes behind memory that the reserve owns: at least what was asked for.
std::size_t size_of(const void *memory) noexcept;

/// Gives memory that the reserve owns back to it. Any thread.
void give_back(void *memory) noexcept;

/// Bytes of the reserve that are in use now.
std::size_t used() noexcept;

/// Lets the C library have nothing of the sizes that `refuses` is true for. Null ends that. For
/// tests.
void set_refusal(bool (*refuses)(std::size_t size)) noexcept;

} // namespace ppocrvl::spare_memory
