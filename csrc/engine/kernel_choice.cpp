// SPDX-License-Identifier: Apache-2.0
#include "engine/kernel_choice.h"

#include "ggml.h"
#include "support/error.h"

#include <algorithm>

namespace ppocrvl {
namespace {

using kernels::DecoderKernels;
using kernels::Kernels;
using kernels::LinearNumbers;
using kernels::VisionKernels;

/// One matrix stands for all of a file: where one is F32, all are.
bool is_float32(const GgufFile &file, const std::string &weight) {
  const GgufTensor *tensor = file.find_tensor(weight);
  return tensor != nullptr && tensor->type == GGML_TYPE_F32;
}

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

std::string KernelChoice::vision_name() const { return vision == nullptr ? "ggml" : vision->name; }

std::string KernelChoice::decoder_name() const {
  return decoder == nullptr ? "ggml" : decoder->name;
}

KernelChoice choose_kernels(const std::string &name, VisionPrecision precision, const GgufFile &llm,
                            const GgufFile &mmproj) {
  if (name == "ggml") {
    return {};
  }
  if (name == "auto") {
    const bool exact = precision == VisionPrecision::exact;
    return {
        vision_kernels_for(precision, exact || is_float32(mmproj, "v.blk.0.ffn_up.weight")),
        decoder_kernels_for(exact || is_float32(llm, "blk.0.ffn_up.weight")),
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
