// SPDX-License-Identifier: Apache-2.0
#include "engine/kernel_choice.h"

#include "support/error.h"

#include <algorithm>
#include <cstdint>

namespace ppocrvl {
namespace {

using kernels::DecoderKernels;
using kernels::Kernels;
using kernels::LinearNumbers;
using kernels::VisionKernels;

template <typename Fits> const Kernels *first_available(Fits fits) {
  const auto &available = kernels::available();
  const auto found = std::find_if(available.begin(), available.end(), fits);
  return found == available.end() ? nullptr : &*found;
}

const VisionKernels *vision_kernels_for(VisionPrecision precision, bool needs_float32) {
  if (needs_float32) {
    const Kernels *exact = first_available(
        [](const Kernels &one) { return one.vision->linear.numbers == LinearNumbers::float32; });
    return exact == nullptr ? nullptr : exact->vision;
  }
  if (precision == VisionPrecision::fast) {
    // Tiles of bfloat16 are as fast as vectors of int8.
    const Kernels *int8 = first_available([](const Kernels &one) {
      return one.vision->inner_linear.numbers == LinearNumbers::int8 || one.vision->has_tiles;
    });
    if (int8 != nullptr) {
      return int8->vision;
    }
  }
  const Kernels *fastest = first_available([](const Kernels &) { return true; });
  return fastest == nullptr ? nullptr : fastest->vision;
}

const DecoderKernels *decoder_kernels_for(bool needs_float32) {
  const Kernels *fastest = first_available([needs_float32](const Kernels &one) {
    return !needs_float32 || !one.decoder->operands.is_bf16;
  });
  return fastest == nullptr ? nullptr : fastest->decoder;
}

} // namespace

bool fits_vision_kernels(const VisionSizes &sizes) {
  // A GELU follows one block of columns, and a thread's scratch has space for such heads.
  constexpr std::uint64_t widest_head = 256;
  const std::uint64_t head_dim = sizes.n_embd / sizes.n_head;
  return sizes.n_embd <= std::uint64_t{kernels::longest_row} && head_dim <= widest_head &&
         head_dim % 4 == 0;
}

KernelChoice choose_kernels(const std::string &name, VisionPrecision precision, const GgufFile &llm,
                            const GgufFile &mmproj) {
  if (name == "ggml") {
    return {};
  }
  if (name == "auto") {
    const bool exact = precision == VisionPrecision::exact;
    return {
        vision_kernels_for(precision, exact || vision_sizes(mmproj).is_float32),
        decoder_kernels_for(exact || llm_sizes(llm).is_float32),
    };
  }
  std::string names = "auto, ggml";
  for (const Kernels &one : kernels::available()) {
    if (name == one.vision->name) {
      return {one.vision, one.decoder};
    }
    names += std::string(", ") + one.vision->name;
  }
  throw Error(ErrorKind::option, "kernels must be one of " + names + ", not \"" + name +
                                     "\": this CPU or this build has no others");
}

} // namespace ppocrvl
