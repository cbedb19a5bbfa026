// SPDX-License-Identifier: Apache-2.0
#include "schedule/draft_shares.h"

#include <cstddef>

namespace ppocrvl {
namespace {

// What drafts must promise: how long steps take is not known exactly.
constexpr double least_gain = 1.03;

} // namespace

std::vector<int> draft_shares(const std::vector<std::vector<double>> &chances,
                              const StepCosts &costs) {
  const int n_next = static_cast<int>(chances.size());
  std::vector<int> taken(chances.size(), 0);
  std::vector<int> best = taken;
  double expected = n_next; // tokens of answers
  double best_speed = least_gain * expected / costs.of(n_next);
  for (int n_tokens = n_next + 1; n_tokens <= StepCosts::most_tokens; ++n_tokens) {
    double likeliest = 0.0;
    std::size_t whose = 0;
    for (std::size_t i = 0; i < chances.size(); ++i) {
      const auto next = static_cast<std::size_t>(taken[i]);
      if (next < chances[i].size() && chances[i][next] > likeliest) {
        likeliest = chances[i][next];
        whose = i;
      }
    }
    if (likeliest == 0.0) {
      break;
    }
    ++taken[whose];
    expected += likeliest;
    const double speed = expected / costs.of(n_tokens);
    if (speed > best_speed) {
      best_speed = speed;
      best = taken;
    }
  }
  return best;
}

} // namespace ppocrvl
