// SPDX-License-Identifier: Apache-2.0
#include "schedule/cache_slots.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace ppocrvl {
namespace {

std::size_t common_tokens(const std::vector<std::int32_t> &a, const std::vector<std::int32_t> &b) {
  const auto [end, ignored] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<std::size_t>(end - a.begin());
}

} // namespace

std::size_t reusable(const CacheContent &content, const PreparedRequest &prepared,
                     std::optional<std::size_t> chunk) {
  const bool has_image = prepared.grid.tokens() > 0;
  const auto &[before, after] = prepared.prompt;
  if (has_image != (content.grid.tokens() > 0)) {
    return 0;
  }
  if (has_image &&
      (content.image_key.empty() || content.image_key != prepared.request.image_key ||
       content.grid.rows != prepared.grid.rows || content.grid.cols != prepared.grid.cols ||
       content.tokens.before_image != before)) {
    return 0;
  }
  const std::vector<std::int32_t> &wanted = has_image ? after : before;
  const std::vector<std::int32_t> &held =
      has_image ? content.tokens.after_image : content.tokens.before_image;
  std::size_t same = std::min(common_tokens(held, wanted), wanted.size() - 1);
  if (chunk) {
    same = std::min(same, content.n_prompt) / *chunk * *chunk;
  }
  return same + (has_image ? prepared.n_prompt() - after.size() : 0);
}

CacheSlots::CacheSlots(int count) {
  for (int slot = 0; slot < count; ++slot) {
    idle_.push_back({slot, {}});
  }
}

std::size_t CacheSlots::tokens(int except) const {
  std::size_t sum = 0;
  for (const Idle &one : idle_) {
    sum += one.slot == except ? 0 : one.content.size();
  }
  return sum;
}

CacheSlots::Choice CacheSlots::choose(const PreparedRequest &prepared,
                                      std::optional<std::size_t> chunk) const {
  // Prompts have some tokens in common wherever they come from; a picture's, or this many, are
  // worth more than what another request may find in the place.
  constexpr std::size_t least_reused = 16;
  Choice choice{idle_.front().slot, 0};
  for (const Idle &one : idle_) {
    const std::size_t reused = reusable(one.content, prepared, chunk);
    if (reused > choice.reused && (reused >= least_reused || one.content.grid.tokens() > 0)) {
      choice = {one.slot, reused};
    }
  }
  return choice;
}

std::optional<int> CacheSlots::oldest(int except) const {
  for (const Idle &one : idle_) {
    if (one.slot != except && one.content.size() > 0) {
      return one.slot;
    }
  }
  return std::nullopt;
}

void CacheSlots::clear(int slot) {
  take(slot);
  idle_.insert(idle_.begin(), {slot, {}});
}

void CacheSlots::take(int slot) {
  idle_.erase(std::find_if(idle_.begin(), idle_.end(),
                           [slot](const Idle &one) { return one.slot == slot; }));
}

void CacheSlots::put(int slot, CacheContent content) {
  if (content.size() == 0) {
    idle_.insert(idle_.begin(), {slot, std::move(content)});
  } else {
    idle_.push_back({slot, std::move(content)});
  }
}

} // namespace ppocrvl
