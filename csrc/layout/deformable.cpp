// SPDX-License-Identifier: Apache-2.0
#include "layout/deformable.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace ppocrvl::layout {
namespace {

constexpr std::int64_t most_samples = 48; // points and levels
constexpr std::int64_t longest_head = 1024;

/// Adds a weighted value, if the pixel is inside.
void add_pixel(const ValueLevel &level, std::int64_t x, std::int64_t y, float weight,
               std::int64_t stride, std::int64_t first, std::int64_t count, float *sums) {
  if (x < 0 || x >= level.width || y < 0 || y >= level.height) {
    return;
  }
  const float *value = level.values + (y * level.width + x) * stride + first;
  for (std::int64_t i = 0; i < count; ++i) {
    sums[i] += weight * value[i];
  }
}

/// `x` and `y` in 0..1 of the level.
void add_sample(const ValueLevel &level, float x, float y, float weight, std::int64_t stride,
                std::int64_t first, std::int64_t count, float *sums) {
  const float at_x = x * static_cast<float>(level.width) - 0.5F;
  const float at_y = y * static_cast<float>(level.height) - 0.5F;
  // What is no number, or more than integers hold, is not near.
  const bool is_near = at_x > -1.0F && at_x < static_cast<float>(level.width) && at_y > -1.0F &&
                       at_y < static_cast<float>(level.height);
  if (!is_near) {
    return;
  }
  const float left = std::floor(at_x);
  const float upper = std::floor(at_y);
  const float to_right = at_x - left;
  const float to_lower = at_y - upper;
  const auto column = static_cast<std::int64_t>(left);
  const auto row = static_cast<std::int64_t>(upper);
  add_pixel(level, column, row, weight * (1.0F - to_right) * (1.0F - to_lower), stride, first,
            count, sums);
  add_pixel(level, column + 1, row, weight * to_right * (1.0F - to_lower), stride, first, count,
            sums);
  add_pixel(level, column, row + 1, weight * (1.0F - to_right) * to_lower, stride, first, count,
            sums);
  add_pixel(level, column + 1, row + 1, weight * to_right * to_lower, stride, first, count, sums);
}

} // namespace

void deformable_attention(const Deformable &task, std::int64_t first_panel, std::int64_t n_panels) {
  const std::int64_t d_head = task.out.n_channels / task.n_heads;
  const auto n_levels = static_cast<std::int64_t>(task.levels.size());
  const std::int64_t n_samples = n_levels * task.n_points;
  std::array<float, most_samples> weights{};
  std::array<float, longest_head> sums{};
  const std::int64_t begin = first_panel * kernels::lanes;
  const std::int64_t end = std::min((first_panel + n_panels) * kernels::lanes, task.out.n_pixels());
  for (std::int64_t query = begin; query < end; ++query) {
    const float x = task.references.at(0, query);
    const float y = task.references.at(1, query);
    const float width = task.references.at(2, query);
    const float height = task.references.at(3, query);
    for (std::int64_t head = 0; head < task.n_heads; ++head) {
      float largest = task.weights.at(head * n_samples, query);
      for (std::int64_t i = 1; i < n_samples; ++i) {
        largest = std::max(largest, task.weights.at(head * n_samples + i, query));
      }
      float total = 0.0F;
      for (std::int64_t i = 0; i < n_samples; ++i) {
        const float power = std::exp(task.weights.at(head * n_samples + i, query) - largest);
        weights[static_cast<std::size_t>(i)] = power;
        total += power;
      }
      std::fill_n(sums.begin(), d_head, 0.0F);
      const auto points = static_cast<float>(task.n_points);
      for (std::int64_t i = 0; i < n_samples; ++i) {
        const std::int64_t channel = 2 * (head * n_samples + i);
        add_sample(task.levels[static_cast<std::size_t>(i / task.n_points)],
                   x + task.offsets.at(channel, query) / points * width * 0.5F,
                   y + task.offsets.at(channel + 1, query) / points * height * 0.5F,
                   weights[static_cast<std::size_t>(i)] / total, task.out.n_channels, head * d_head,
                   d_head, sums.data());
      }
      for (std::int64_t i = 0; i < d_head; ++i) {
        task.out.at(head * d_head + i, query) = sums[static_cast<std::size_t>(i)];
      }
    }
  }
}

} // namespace ppocrvl::layout
