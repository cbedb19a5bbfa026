// SPDX-License-Identifier: Apache-2.0
#include "schedule/chunk_size.h"

#include <algorithm>

namespace ppocrvl {
namespace {

constexpr double newest_share = 0.3;
constexpr int too_few_to_tell = 16; // rows

void take(double &mean, double newest) {
  mean = mean == 0.0 ? newest : (1 - newest_share) * mean + newest_share * newest;
}

} // namespace

int ChunkSize::rows(int largest) const {
  if (per_row_ == 0.0) {
    return std::min(smallest, largest);
  }
  return static_cast<int>(
      std::clamp(target / per_row_, static_cast<double>(smallest), static_cast<double>(largest)));
}

void ChunkSize::note(int prompt_rows, double seconds) {
  if (prompt_rows == 0) {
    take(plain_, seconds);
  } else if (prompt_rows >= too_few_to_tell) {
    // A cold first step may have been slower than this one.
    constexpr double least = 1e-6;
    take(per_row_, std::max(least, (seconds - plain_) / prompt_rows));
  }
}

} // namespace ppocrvl
