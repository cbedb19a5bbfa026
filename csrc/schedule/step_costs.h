// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace ppocrvl {

/// How long a step takes by how many tokens it holds, learned from the steps. It is no straight
/// line: few tokens wait for the weights from memory, and our kernels multiply up to eight tokens
/// in one way and more in panels of 32.
class StepCosts {
public:
  /// Most tokens of a step with drafts: with more, a CPU computes longer than it waits for memory.
  static constexpr int most_tokens = 32;

  /// A step of tokens alone, without a part of a prompt, took so long.
  void note(int n_tokens, double seconds);

  /// Seconds, or 1 for a step of one token where nothing is known. What was not seen, or not for
  /// long, is guessed rather too low: it is tried, and then known.
  [[nodiscard]] double of(int n_tokens) const;

private:
  static constexpr std::size_t n_sizes = 12;

  struct Mean {
    double seconds = 0.0; // 0: not known
    std::uint64_t noted_at = 0;
  };

  [[nodiscard]] bool is_known(std::size_t size) const;

  std::array<Mean, n_sizes> means_{};
  std::uint64_t steps_ = 0;
};

} // namespace ppocrvl
