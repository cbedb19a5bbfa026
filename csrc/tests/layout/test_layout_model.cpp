// SPDX-License-Identifier: Apache-2.0
//
// Whole models of random weights, whose answers are noise: what must hold of any answer.
#include "layout/layout_model.h"
#include "tests/check.h"
#include "tests/layout_file.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <thread>
#include <vector>

using namespace ppocrvl::tests;
using ppocrvl::ErrorKind;
using ppocrvl::layout::LayoutModel;
using ppocrvl::layout::LayoutOptions;
using ppocrvl::layout::LayoutTrace;
using ppocrvl::layout::PageRegions;
using ppocrvl::layout::Region;

namespace {

const std::vector<std::string> &files() {
  static const std::vector<std::string> all = {
      with_random_weights(tiny_layout(), 1),
      with_random_weights(tiny_layout_with_masks(), 2),
      with_random_weights(tiny_layout_v2(), 3),
  };
  return all;
}

std::vector<std::uint8_t> pixels_of(std::int64_t width, std::int64_t height) {
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(3 * width * height));
  ppocrvl::test::Numbers numbers(static_cast<std::uint32_t>(width));
  for (std::uint8_t &value : pixels) {
    value = static_cast<std::uint8_t>(numbers.between(0, 255));
  }
  return pixels;
}

PageRegions read(LayoutModel &model, std::int64_t width = 90, std::int64_t height = 70) {
  const std::vector<std::uint8_t> pixels = pixels_of(width, height);
  return model.run({pixels.data(), width, height}, LayoutOptions(), nullptr);
}

bool are_equal(const PageRegions &one, const PageRegions &other) {
  const auto is_same = [](const Region &a, const Region &b) {
    return a.label == b.label && a.score == b.score && a.box == b.box && a.order == b.order &&
           a.query == b.query;
  };
  return std::equal(one.regions.begin(), one.regions.end(), other.regions.begin(),
                    other.regions.end(), is_same) &&
         std::equal(one.masks.begin(), one.masks.end(), other.masks.begin(), other.masks.end(),
                    [](const auto &a, const auto &b) { return a.pixels == b.pixels; });
}

} // namespace

TEST_CASE("layout model: regions are finite, in order and as many as queries") {
  for (const std::string &bytes : files()) {
    const TemporaryFile file(bytes);
    LayoutModel model(file.path(), 2);
    const PageRegions found = read(model);
    CHECK_EQUAL(found.regions.size(), 5U);
    CHECK_EQUAL(found.masks.size(), model.config().has_masks ? 5U : 0U);
    std::int64_t last = 0;
    for (const Region &region : found.regions) {
      CHECK(region.label >= 0 && region.label < 2 && region.query >= 0 && region.query < 5);
      CHECK(region.score > 0.0F && region.score < 1.0F);
      CHECK(std::all_of(region.box.begin(), region.box.end(),
                        [](float side) { return std::isfinite(side); }));
      CHECK(region.order >= last && region.order < 5);
      last = region.order;
    }
    for (const auto &mask : found.masks) {
      CHECK(mask.left >= 0 && mask.left + mask.width <= 16);
      CHECK(mask.top >= 0 && mask.top + mask.height <= 16);
      CHECK_EQUAL(mask.pixels.size(), static_cast<std::size_t>(mask.width * mask.height));
    }
  }
}

TEST_CASE("layout model: a page's regions depend neither on threads nor on pages before") {
  for (const std::string &bytes : files()) {
    const TemporaryFile file(bytes);
    LayoutModel one(file.path(), 1);
    LayoutModel three(file.path(), 3);
    const PageRegions expected = read(one);
    read(three, 1, 1);
    read(three, 1, 3000);
    CHECK(are_equal(read(three), expected));
    PageRegions first;
    PageRegions second;
    std::thread other([&] { first = read(three); });
    second = read(three);
    other.join();
    CHECK(are_equal(first, expected));
    CHECK(are_equal(second, expected));
  }
}

TEST_CASE("layout model: a page that is cancelled at any step leaves the model as it was") {
  for (const std::string &bytes : files()) {
    const TemporaryFile file(bytes);
    LayoutModel model(file.path(), 2);
    const std::vector<std::uint8_t> pixels = pixels_of(30, 40);
    LayoutTrace trace;
    model.run({pixels.data(), 30, 40}, {0.0F, 0.0F, &trace}, {});
    const auto n_steps = static_cast<int>(trace.step_seconds.size());
    const PageRegions expected = read(model);
    for (int last = 0; last < n_steps; last += 7) {
      int asked = 0;
      const auto goes_on = [&] { return asked++ < last; };
      CHECK_THROWS_KIND(ErrorKind::cancelled,
                        model.run({pixels.data(), 30, 40}, LayoutOptions(), goes_on));
      CHECK_EQUAL(asked, last + 1); // no step more
    }
    CHECK(are_equal(read(model), expected));
  }
}

TEST_CASE("layout model: closing ends the page and frees the model") {
  const TemporaryFile file(files()[1]);
  LayoutModel model(file.path(), 2);
  const std::vector<std::uint8_t> pixels = pixels_of(30, 40);
  std::thread closer;
  int asked = 0;
  const auto goes_on = [&] {
    if (asked++ == 3) {
      closer = std::thread([&] { model.close(); });
    }
    std::this_thread::yield();
    return true;
  };
  // The closer may be held up for the rest of a page, but not for ever.
  bool is_ended = false;
  while (!is_ended) {
    try {
      model.run({pixels.data(), 30, 40}, LayoutOptions(), goes_on);
    } catch (const ppocrvl::Error &error) {
      CHECK(error.kind() == ErrorKind::cancelled);
      is_ended = true;
    }
  }
  closer.join();
  CHECK_THROWS_KIND(ErrorKind::cancelled, read(model));
  model.close();
  CHECK_EQUAL(model.config().labels.size(), 2U);
}

TEST_CASE("layout model: what is no page, no input and no layout model is refused") {
  const TemporaryFile file(files()[0]);
  LayoutModel model(file.path(), 1);
  CHECK_THROWS_KIND(ErrorKind::image, model.run({nullptr, 0, 3}, {}, {}));
  CHECK_THROWS_KIND(ErrorKind::image, model.run_pixels(std::vector<float>(5), {}, {}));
  const TemporaryFile llm(tiny_llm().bytes());
  CHECK_THROWS_KIND(ErrorKind::model_mismatch, LayoutModel(llm.path(), 1));
  const TemporaryFile nothing("");
  CHECK_THROWS_KIND(ErrorKind::model_format, LayoutModel(nothing.path(), 1));
}
