// SPDX-License-Identifier: Apache-2.0
#include "schedule/step_costs.h"

#include <algorithm>
#include <optional>

namespace ppocrvl {
namespace {

constexpr std::array<int, 12> sizes{1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, StepCosts::most_tokens};
constexpr double newest_share = 0.3;
constexpr double least_growth = 0.05;     // of a step by each token more, in steps of one token
constexpr std::uint64_t remembered = 512; // steps

/// Of those that have space for so many.
std::size_t size_for(int n_tokens) {
  return static_cast<std::size_t>(std::lower_bound(sizes.begin(), sizes.end() - 1, n_tokens) -
                                  sizes.begin());
}

double grown(int n_tokens) { return 1.0 + least_growth * (n_tokens - 1); }

} // namespace

bool StepCosts::is_known(std::size_t size) const {
  const Mean &mean = means_.at(size);
  return mean.seconds > 0.0 && steps_ - mean.noted_at < remembered;
}

void StepCosts::note(int n_tokens, double seconds) {
  if (n_tokens > most_tokens) {
    return;
  }
  ++steps_;
  const std::size_t size = size_for(n_tokens);
  Mean &mean = means_.at(size);
  mean.seconds = is_known(size) ? (1 - newest_share) * mean.seconds + newest_share * seconds
                                : std::max(seconds, 1e-9);
  mean.noted_at = steps_;
}

double StepCosts::of(int n_tokens) const {
  const std::size_t size = size_for(n_tokens);
  if (is_known(size)) {
    return means_.at(size).seconds;
  }
  std::optional<std::size_t> below;
  std::optional<std::size_t> above;
  for (std::size_t i = 0; i < n_sizes; ++i) {
    if (is_known(i) && i < size) {
      below = i;
    } else if (is_known(i) && i > size && !above) {
      above = i;
    }
  }
  const auto guess_from = [&](std::size_t known) {
    return means_.at(known).seconds * grown(sizes.at(size)) / grown(sizes.at(known));
  };
  if (below && above) { // no more than what is larger takes
    return std::min(guess_from(*below), means_.at(*above).seconds);
  }
  if (below || above) {
    return guess_from(below ? *below : *above);
  }
  return grown(n_tokens);
}

} // namespace ppocrvl
