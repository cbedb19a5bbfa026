// SPDX-License-Identifier: Apache-2.0
//
// What choosing a token needs of all logits. There are 103,424 of them a token, and while they are
// gone through nothing else of the language model runs.
#pragma once

#include "kernels/kernels.h"
#include "kernels/scalar.h"

namespace ppocrvl::kernels {

/// Loops that the compiler turns into vectors where it may forget about the CPU's exception flags,
/// as in the files for one kind of CPU. `Kind`: see Scalar.
template <typename Kind> struct Logits {
  static constexpr LogitKernels table() { return {index_of_highest, sum_of_exponentials}; }

private:
  using Math = Scalar<Kind>;

  static constexpr std::int64_t width = 64; // numbers at a time: four registers of AVX512

  /// The greatest, unless there are NaN.
  static float highest_of(const float *values, std::int64_t count) {
    float highest[width];
    for (float &one : highest) {
      one = values[0];
    }
    std::int64_t at = 0;
    for (; at + width <= count; at += width) {
      for (std::int64_t i = 0; i < width; ++i) {
        highest[i] = values[at + i] > highest[i] ? values[at + i] : highest[i];
      }
    }
    float result = values[0];
    for (const float one : highest) {
      result = one > result ? one : result;
    }
    for (; at < count; ++at) {
      result = values[at] > result ? values[at] : result;
    }
    return result;
  }

  static std::int64_t index_of_highest(const float *values, std::int64_t count) {
    const float highest = highest_of(values, count);
    std::int64_t at = 0;
    for (; at + width <= count; at += width) {
      int found = 0;
      for (std::int64_t i = 0; i < width; ++i) {
        found |= static_cast<int>(values[at + i] == highest);
      }
      if (found != 0) {
        break;
      }
    }
    for (; at < count; ++at) {
      if (values[at] == highest) {
        return at;
      }
    }
    return 0;
  }

  static float exponential(float x) {
    constexpr float log2_e = 1.44269504F;
    return Math::template power_of_two<false>(x * log2_e);
  }

  static double sum_of_exponentials(const float *values, std::int64_t count, float highest) {
    constexpr std::int64_t rows = 64; // so that float32 sums lose nothing
    double sum = 0.0;
    std::int64_t at = 0;
    while (at + width <= count) {
      float sums[width] = {};
      for (std::int64_t row = 0; row < rows && at + width <= count; ++row, at += width) {
        for (std::int64_t i = 0; i < width; ++i) {
          sums[i] += exponential(values[at + i] - highest);
        }
      }
      for (const float one : sums) {
        sum += static_cast<double>(one);
      }
    }
    for (; at < count; ++at) {
      sum += static_cast<double>(exponential(values[at] - highest));
    }
    return sum;
  }
};

} // namespace ppocrvl::kernels
