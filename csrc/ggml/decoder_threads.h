// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ggml/thread_pool.h"
#include "kernels/kernels.h"

namespace ppocrvl {

/// Puts our accelerator into ggml's list, once in a process and never out of it. ggml reads the
/// list without a lock, so call this before anything computes: the extension does when it is
/// imported.
void join_accelerators();

/// Threads for a language model's graphs, in which what takes longest goes through our kernels
/// (decoder_operation.h); everything else is ggml's. llama.cpp builds those graphs and has no place
/// for operations of others, but ggml's CPU backend asks a list of accelerators about each
/// operation before it computes it (ggml-cpu/traits.h). Ours is in the list for the whole process
/// and keeps to graphs that such threads compute.
class DecoderThreads {
public:
  DecoderThreads(const kernels::DecoderKernels &kernels, int n_threads);
  ~DecoderThreads();
  DecoderThreads(const DecoderThreads &) = delete;
  DecoderThreads &operator=(const DecoderThreads &) = delete;

  /// For llama_attach_threadpool. Must outlive the context.
  [[nodiscard]] ggml_threadpool *pool() const { return pool_.get(); }

  [[nodiscard]] const kernels::DecoderKernels &kernels() const { return kernels_; }
  [[nodiscard]] void *scratch(int thread) const { return scratch_.of(thread); }

  /// While it lives, the calling thread computes graphs with `threads` and no others, if not null.
  class Use {
  public:
    explicit Use(const DecoderThreads *threads);
    ~Use();
    Use(const Use &) = delete;
    Use &operator=(const Use &) = delete;
  };

private:
  const kernels::DecoderKernels &kernels_;
  kernels::Scratch scratch_;
  ThreadPool pool_;
};

} // namespace ppocrvl
