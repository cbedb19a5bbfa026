// SPDX-License-Identifier: Apache-2.0
#include "core/sampler.h"

#include "core/error.h"

#include <cmath>

namespace ppocrvl {

Choice choose_greedily(const float *logits, std::size_t n_vocab) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < n_vocab; ++i) {
    if (logits[i] > logits[best]) {
      best = i;
    }
  }
  // log softmax = -log(sum(exp(logit - best logit))); every term is at most 1, so nothing
  // overflows.
  const double highest = logits[best];
  double sum = 0.0;
  for (std::size_t i = 0; i < n_vocab; ++i) {
    sum += std::exp(static_cast<double>(logits[i]) - highest);
  }
  if (!std::isfinite(sum)) {
    throw Error(
        ErrorKind::engine,
        "the model's output is not a number; the model file is damaged or its type overflows");
  }
  return {static_cast<std::int32_t>(best), -std::log(sum)};
}

} // namespace ppocrvl
