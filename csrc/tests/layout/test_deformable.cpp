// SPDX-License-Identifier: Apache-2.0
#include "layout/deformable.h"
#include "tests/check.h"
#include "tests/maps.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

using ppocrvl::layout::Deformable;
using ppocrvl::layout::deformable_attention;
using ppocrvl::layout::ValueLevel;
using ppocrvl::test::is_near;
using ppocrvl::test::Numbers;
using ppocrvl::test::OwnMap;

namespace {

/// Every pixel by how near it is: grid_sample as its definition has it.
double sample(const ValueLevel &level, double x, double y, std::int64_t stride,
              std::int64_t channel) {
  const double at_x = x * static_cast<double>(level.width) - 0.5;
  const double at_y = y * static_cast<double>(level.height) - 0.5;
  double sum = 0;
  for (std::int64_t row = 0; row < level.height; ++row) {
    for (std::int64_t column = 0; column < level.width; ++column) {
      const double near_x = std::max(0.0, 1 - std::abs(at_x - static_cast<double>(column)));
      const double near_y = std::max(0.0, 1 - std::abs(at_y - static_cast<double>(row)));
      sum += near_x * near_y *
             static_cast<double>(level.values[(row * level.width + column) * stride + channel]);
    }
  }
  return sum;
}

} // namespace

TEST_CASE("layout deformable: samples of all levels, weighted, zeros outside") {
  Numbers numbers(6);
  const std::int64_t n_heads = 3;
  const std::int64_t d_head = 5;
  const std::int64_t n_points = 4;
  const std::int64_t n_queries = 40;
  const std::int64_t n_samples = 2 * n_points;
  const std::vector<float> large = numbers.some(n_heads * d_head * 9 * 6);
  const std::vector<float> small = numbers.some(n_heads * d_head * 4 * 3);
  const OwnMap references(4, n_queries, 1, numbers);
  const OwnMap offsets(2 * n_heads * n_samples, n_queries, 1, numbers);
  const OwnMap weights(n_heads * n_samples, n_queries, 1, numbers);
  const OwnMap out(n_heads * d_head, n_queries, 1, numbers);
  for (std::int64_t query = 0; query < n_queries; ++query) {
    for (std::int64_t i = 0; i < 4; ++i) { // -0.25 to 1.25: some samples are outside
      references.map.at(i, query) = references.map.at(i, query) * 0.75F + 0.5F;
    }
  }
  const Deformable task{
      {{large.data(), 9, 6}, {small.data(), 4, 3}},
      references.map,
      offsets.map,
      weights.map,
      out.map,
      n_heads,
      n_points,
  };
  deformable_attention(task, 0, 1);
  deformable_attention(task, 1, 1);
  bool is_right = true;
  for (std::int64_t query = 0; query < n_queries; ++query) {
    const auto reference = [&](std::int64_t i) {
      return static_cast<double>(references.map.at(i, query));
    };
    for (std::int64_t head = 0; head < n_heads; ++head) {
      double total = 0;
      for (std::int64_t i = 0; i < n_samples; ++i) {
        total += std::exp(static_cast<double>(weights.map.at(head * n_samples + i, query)));
      }
      for (std::int64_t channel = head * d_head; channel < (head + 1) * d_head; ++channel) {
        double sum = 0;
        for (std::int64_t i = 0; i < n_samples; ++i) {
          const std::int64_t at = head * n_samples + i;
          const auto offset = [&](std::int64_t axis) {
            return static_cast<double>(offsets.map.at(2 * at + axis, query)) / 4 / 2;
          };
          sum += std::exp(static_cast<double>(weights.map.at(at, query))) / total *
                 sample(task.levels[static_cast<std::size_t>(i / n_points)],
                        reference(0) + offset(0) * reference(2),
                        reference(1) + offset(1) * reference(3), n_heads * d_head, channel);
        }
        is_right = is_right && is_near(static_cast<double>(out.map.at(channel, query)), sum);
      }
    }
  }
  CHECK(is_right);
}

TEST_CASE("layout deformable: points that are no numbers or far away give zeros") {
  Numbers numbers(7);
  const std::vector<float> values = numbers.some(4);
  const OwnMap references(4, 3, 1, numbers);
  const OwnMap offsets(2, 3, 1, numbers);
  const OwnMap weights(1, 3, 1, numbers);
  const OwnMap out(1, 3, 1, numbers);
  references.map.at(0, 0) = std::nanf("");
  references.map.at(0, 1) = 1e30F;
  references.map.at(1, 2) = -INFINITY;
  deformable_attention(
      {{{values.data(), 2, 2}}, references.map, offsets.map, weights.map, out.map, 1, 1}, 0, 1);
  for (std::int64_t query = 0; query < 3; ++query) {
    CHECK_EQUAL(out.map.at(0, query), 0.0F);
  }
}
