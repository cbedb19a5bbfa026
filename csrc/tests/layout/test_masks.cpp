// SPDX-License-Identifier: Apache-2.0
#include "layout/masks.h"
#include "tests/check.h"

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

using ppocrvl::layout::Box;
using ppocrvl::layout::box_of;
using ppocrvl::layout::extend;
using ppocrvl::layout::FeatureMap;
using ppocrvl::layout::inverse_sigmoid;
using ppocrvl::layout::MaskExtent;

namespace {

/// The box of a mask of 10 x 8 pixels that is above zero at some (x, y).
Box box(const std::vector<std::pair<std::int64_t, std::int64_t>> &pixels) {
  const FeatureMap map{nullptr, 32, 1, 10, 8};
  std::vector<float> values(96, 0.0F); // zero is outside
  values[80] = 1.0F;                   // a lane that is no pixel
  for (const auto &[x, y] : pixels) {
    values[static_cast<std::size_t>(y * 10 + x)] = 0.5F;
  }
  MaskExtent extent;
  for (std::int64_t panel = 0; panel < map.n_panels(); ++panel) {
    extend(extent, values.data() + panel * 32, panel, map);
  }
  return box_of(extent, map);
}

bool is(const Box &box, float x, float y, float width, float height) {
  const auto is_near = [](float a, float b) { return std::abs(a - b) < 1e-6F; };
  return is_near(box.x, x) && is_near(box.y, y) && is_near(box.width, width) &&
         is_near(box.height, height);
}

} // namespace

TEST_CASE("layout masks: a box reaches from the first pixel to behind the last") {
  CHECK(is(box({{0, 0}}), 0.05F, 0.0625F, 0.1F, 0.125F));
  CHECK(is(box({{9, 7}}), 0.95F, 0.9375F, 0.1F, 0.125F));
  CHECK(is(box({{2, 6}, {7, 1}, {4, 3}}), 0.5F, 0.5F, 0.6F, 0.75F));
  CHECK(is(box({{1, 3}, {2, 3}}), 0.2F, 0.4375F, 0.2F, 0.125F)); // on both sides of two panels
  CHECK(is(box({}), 0.0F, 0.0F, 0.0F, 0.0F));
}

TEST_CASE("layout masks: inverse_sigmoid is cut at 1e-5") {
  CHECK_EQUAL(inverse_sigmoid(0.5F), 0.0F);
  CHECK(std::abs(inverse_sigmoid(0.0F) + 11.512925F) < 1e-4F);
  CHECK(std::abs(inverse_sigmoid(-3.0F) + 11.512925F) < 1e-4F);
  CHECK(std::abs(inverse_sigmoid(1.0F) - 11.512925F) < 1e-4F);
}
