// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace ppocrvl {

struct Choice {
  std::int32_t token = 0;
  double logprob = 0.0; // natural logarithm
};

/// The most likely token (the lowest id among equals) and its log-probability. Throws
/// ErrorKind::engine when the logits are not numbers.
Choice choose_greedily(const float *logits, std::size_t n_vocab);

} // namespace ppocrvl
