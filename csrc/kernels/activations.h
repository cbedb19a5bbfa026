// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/map_kernels.h"
#include "kernels/scalar.h"

namespace ppocrvl::kernels {

/// Without a call or a branch. `Kind`: see Scalar.
template <typename Kind> struct Activations {
  using Math = Scalar<Kind>;

  static float sigmoid(float x) {
    constexpr float log2_e = 1.44269504F;
    constexpr float limit = 126.0F;
    float u = -log2_e * x;
    u = limit < u ? limit : u;
    return 1.0F / (1.0F + Math::template power_of_two<false>(u));
  }

  /// For |x| below 1 Taylor's series, else by Numerical Recipes' erfc: either has almost all digits
  /// of float32, and a vector may choose between them.
  static float erf(float x) {
    constexpr float log2_e = 1.44269504F;
    const float a = x < 0.0F ? -x : x;
    const float s = x * x;
    // 2 / sqrt(pi) * (-1)^k / (k! (2k + 1)).
    float near = 1.4807193e-8F;
    near = near * s - 1.6365844e-7F;
    near = near * s + 1.6462114e-6F;
    near = near * s - 1.4925650e-5F;
    near = near * s + 1.2055333e-4F;
    near = near * s - 8.5483270e-4F;
    near = near * s + 5.2239776e-3F;
    near = near * s - 2.6866171e-2F;
    near = near * s + 1.1283792e-1F;
    near = near * s - 3.7612639e-1F;
    near = near * s + 1.1283792F;
    near *= x;
    const float t = 1.0F / (1.0F + 0.5F * a);
    float far = 0.17087277F;
    far = far * t - 0.82215223F;
    far = far * t + 1.48851587F;
    far = far * t - 1.13520398F;
    far = far * t + 0.27886807F;
    far = far * t - 0.18628806F;
    far = far * t + 0.09678418F;
    far = far * t + 0.37409196F;
    far = far * t + 1.00002368F;
    far = far * t - 1.26551223F;
    far = 1.0F - t * Math::template power_of_two<false>(log2_e * (far - s));
    far = x < 0.0F ? -far : far;
    return a < 1.0F ? near : far;
  }

  static void activate(float *values, std::int64_t count, Activation activation) {
    switch (activation) {
    case Activation::none:
      break;
    case Activation::relu:
      for (std::int64_t i = 0; i < count; ++i) {
        values[i] = values[i] < 0.0F ? 0.0F : values[i]; // NaN stays NaN
      }
      break;
    case Activation::silu:
      for (std::int64_t i = 0; i < count; ++i) {
        values[i] *= sigmoid(values[i]);
      }
      break;
    case Activation::gelu:
      for (std::int64_t i = 0; i < count; ++i) {
        constexpr float sqrt_half = 0.70710678F;
        values[i] = 0.5F * values[i] * (1.0F + erf(values[i] * sqrt_half));
      }
      break;
    case Activation::sigmoid:
      for (std::int64_t i = 0; i < count; ++i) {
        values[i] = sigmoid(values[i]);
      }
      break;
    }
  }
};

} // namespace ppocrvl::kernels
