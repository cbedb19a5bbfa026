// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace ppocrvl {

/// How the next token is chosen. The defaults are the model's own: the most likely one.
struct Sampling {
  float temperature = 0.0F; // 0: greedy
  int top_k = 0;            // 0: all tokens
  float top_p = 1.0F;
  float min_p = 0.0F;
  float repetition_penalty = 1.0F; // divides the logits of what the answer holds already; 1: none
  std::uint32_t seed = 0;
  std::vector<std::pair<std::int32_t, float>> logit_bias;
  std::string grammar; // GBNF with the rule `root`; empty: none

  /// Whether the highest logit decides, biases added.
  [[nodiscard]] bool is_greedy() const {
    return temperature == 0.0F && repetition_penalty == 1.0F && grammar.empty();
  }
};

} // namespace ppocrvl
