// SPDX-License-Identifier: Apache-2.0
#include "engine/kernel_choice.h"

#include "ggml.h"
#include "support/error.h"

#include <algorithm>

namespace ppocrvl {

const kernels::Kernels *choose_kernels(const std::string &name, VisionPrecision precision,
                                       const GgufFile &mmproj) {
  const auto &available = kernels::available();
  if (name == "ggml") {
    return nullptr;
  }
  if (name == "auto") {
    const GgufTensor *weight = mmproj.find_tensor("v.blk.0.ffn_up.weight");
    const bool is_full =
        precision == VisionPrecision::exact || (weight != nullptr && weight->type == GGML_TYPE_F32);
    const bool takes_bytes = precision == VisionPrecision::fast && !is_full;
    const auto first = [&](auto &&fits) {
      const auto found = std::find_if(available.begin(), available.end(), fits);
      return found == available.end() ? nullptr : *found;
    };
    // Tiles of bfloat16 are as fast as vectors of bytes.
    using kernels::LinearNumbers;
    const auto *bytes = first([](const auto *one) {
      return one->inner_linear.numbers == LinearNumbers::int8 || one->has_tiles;
    });
    return takes_bytes && bytes != nullptr ? bytes : first([&](const auto *one) {
      return !is_full || one->linear.numbers == LinearNumbers::float32;
    });
  }
  std::string names = "auto, ggml";
  for (const kernels::Kernels *one : available) {
    if (name == one->name) {
      return one;
    }
    names += std::string(", ") + one->name;
  }
  throw Error(ErrorKind::option, "kernels must be one of " + names + ", not \"" + name +
                                     "\": this CPU or this build has no others");
}

} // namespace ppocrvl
