// SPDX-License-Identifier: Apache-2.0
#include "files/gguf_file.h"
#include "files/model_info.h"
#include "kernels/kernels.h"
#include "support/error.h"
#include "tests/check.h"
#include "tests/engine_cases.h"
#include "tests/kernels/tested_kernels.h"
#include "vision/encoder.h"
#include "vision/strip.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iostream>
#include <vector>

using ppocrvl::Encoder;
using ppocrvl::ErrorKind;
using ppocrvl::GriddedImage;
using ppocrvl::RgbImage;
using ppocrvl::test::noise;
using ppocrvl::test::test_model;

namespace {

constexpr int side = 28;
constexpr std::size_t cell_size = std::size_t{side} * side * 3; // in values

std::vector<RgbImage> pictures() {
  std::vector<RgbImage> images{
      noise(3 * side, 2 * side),
      noise(side, side),
      noise(12 * side, side),
      noise(5 * side, 5 * side),
  };
  for (int n = 1; n < 20; ++n) { // more than one operation of ggml takes
    images.push_back(noise(n * side, side));
  }
  return images;
}

std::vector<GriddedImage> gridded(const std::vector<RgbImage> &images) {
  std::vector<GriddedImage> all;
  all.reserve(images.size());
  for (const RgbImage &image : images) {
    all.push_back({&image, {image.height / side, image.width / side}});
  }
  return all;
}

float greatest_difference(const std::vector<float> &a, const std::vector<float> &b) {
  float most = 0.0F;
  for (std::size_t i = 0; i < a.size(); ++i) {
    most = std::max(most, std::fabs(a[i] - b[i]));
  }
  return most;
}

} // namespace

TEST_CASE("strip: cells in raster order, each picture from a new panel on") {
  const ppocrvl::NormalizationTable table({0.5F, 0.5F, 0.5F}, {0.5F, 0.5F, 0.5F});
  const auto images = pictures();
  const auto strip = ppocrvl::make_strip(gridded(images), table);
  CHECK_EQUAL(strip.token_side, side);
  const std::vector<int> starts(strip.first_cells.begin(), strip.first_cells.begin() + 5);
  CHECK(starts == std::vector<int>({0, 8, 16, 32, 64}));
  CHECK_EQUAL(strip.n_cells, 64 + 8 * 8 + 8 * 16 + 3 * 24);
  CHECK_EQUAL(strip.values.size(), static_cast<std::size_t>(strip.n_cells) * cell_size);
  CHECK_EQUAL(strip.pictures[3].first_patch, 128);
  CHECK_EQUAL(strip.pictures[3].rows, 10);
  CHECK_EQUAL(strip.pictures[0].cols, 6);
  // Row 7 of the cell at row 1, column 2 of the first picture, its cell 5: blue of column 9.
  const std::size_t in_strip = 5 * cell_size + std::size_t{7 * side + 9} * 3 + 2;
  const std::size_t in_picture = std::size_t{(side + 7) * 3 * side + 2 * side + 9} * 3 + 2;
  CHECK_EQUAL(strip.values[in_strip], table.value(2, images[0].pixels[in_picture]));
  CHECK_EQUAL(strip.values[6 * cell_size], 0.0F); // between the pictures
}

TEST_CASE("strip: each picture's tokens are those it has alone") {
  const auto options = test_model();
  if (!options) {
    return;
  }
  const auto mmproj = ppocrvl::read_gguf(options->mmproj);
  const auto info = ppocrvl::describe_model(ppocrvl::read_gguf(options->llm), mmproj);
  const ppocrvl::NormalizationTable table(info.image_mean, info.image_std);
  const auto images = pictures();
  const auto always = [] { return true; };
  ppocrvl::EncoderOptions plain;
  plain.path = options->mmproj;
  plain.placement.precision = ppocrvl::VisionPrecision::exact;
  Encoder reference(plain, table);
  std::vector<std::vector<float>> by_ggml;
  by_ggml.reserve(images.size());
  for (const GriddedImage &image : gridded(images)) {
    by_ggml.push_back(reference.encode(*image.image, image.grid, always));
  }
  for (const auto &tested : ppocrvl::test::tested_kernels()) {
    const auto *kernels = tested.vision;
    using Numbers = ppocrvl::kernels::LinearNumbers;
    const bool has_bytes = kernels->inner_linear.numbers == Numbers::int8;
    const float rounding = kernels->inner_linear.numbers == Numbers::float32 ? 5e-5F : 5e-2F;
    std::vector<std::vector<float>> alone; // by one thread
    alone.reserve(images.size());
    for (const int n_threads : {1, 2, 3}) {
      ppocrvl::EncoderOptions how;
      how.path = options->mmproj;
      how.n_threads = n_threads;
      how.placement.kernels = kernels;
      Encoder encoder(how, table);
      const auto together = encoder.encode_together(gridded(images), always);
      CHECK(encoder.packs());
      for (std::size_t i = 0; i < images.size(); ++i) {
        if (n_threads == 1) {
          alone.push_back(encoder.encode(images[i], gridded(images)[i].grid, always));
          CHECK(greatest_difference(alone[i], by_ggml[i]) < (has_bytes ? 0.3F : rounding));
        }
        CHECK(together[i] == alone[i]);
      }
      CHECK_THROWS_KIND(ErrorKind::cancelled,
                        encoder.encode_together(gridded(images), [] { return false; }));
    }
  }
}

TEST_CASE("strip: without kernels pictures are encoded one by one") {
  const auto options = test_model();
  if (!options) {
    return;
  }
  const auto mmproj = ppocrvl::read_gguf(options->mmproj);
  const auto info = ppocrvl::describe_model(ppocrvl::read_gguf(options->llm), mmproj);
  ppocrvl::EncoderOptions how;
  how.path = options->mmproj;
  Encoder encoder(how, ppocrvl::NormalizationTable(info.image_mean, info.image_std));
  CHECK(!encoder.packs());
  const auto images = pictures();
  const auto always = [] { return true; };
  const auto together = encoder.encode_together(gridded(images), always);
  CHECK_EQUAL(together.size(), images.size());
  CHECK(together[2] == encoder.encode(images[2], gridded(images)[2].grid, always));
}

TEST_CASE("encoder: a picture of less work than lies between two stops is encoded without one") {
  const auto options = test_model();
  if (!options) {
    return;
  }
  const auto info = ppocrvl::describe_model(ppocrvl::read_gguf(options->llm),
                                            ppocrvl::read_gguf(options->mmproj));
  const ppocrvl::NormalizationTable table(info.image_mean, info.image_std);
  // 192 patches, 0.92e9 multiply-adds of the 1e9; with norms and copies as products 1.16e9.
  const RgbImage image = noise(8 * side, 6 * side);
  for (const auto &tested : ppocrvl::test::tested_kernels()) {
    const auto *kernels = tested.vision;
    ppocrvl::EncoderOptions how;
    how.path = options->mmproj;
    how.placement.kernels = kernels;
    Encoder encoder(how, table);
    int n_asked = 0;
    encoder.encode(image, {6, 8}, [&] { return ++n_asked > 0; });
    CHECK_EQUAL(n_asked, 1); // before it begins
  }
}

TEST_CASE("encoder: an exception on the way leaves no options behind") {
  const auto options = test_model();
  if (!options) {
    return;
  }
  const auto info = ppocrvl::describe_model(ppocrvl::read_gguf(options->llm),
                                            ppocrvl::read_gguf(options->mmproj));
  const ppocrvl::NormalizationTable table(info.image_mean, info.image_std);
  const auto images = pictures();
  const auto always = [] { return true; };
  for (const auto &tested : ppocrvl::test::tested_kernels()) {
    const auto *kernels = tested.vision;
    ppocrvl::EncoderOptions how;
    how.path = options->mmproj;
    how.placement.kernels = kernels;
    Encoder encoder(how, table);
    int n_asked = 0;
    CHECK_THROWS_KIND(ErrorKind::engine, encoder.encode_together(gridded(images), [&] {
      if (++n_asked == 2) { // the first is before mtmd is called
        throw ppocrvl::Error(ErrorKind::engine, "from within");
      }
      return true;
    }));
    CHECK(ppocrvl::vision_graph_options().strip == nullptr);
    CHECK(ppocrvl::vision_graph_options().kernels == nullptr);
    CHECK(encoder.encode_together(gridded(images), always) ==
          Encoder(how, table).encode_together(gridded(images), always));
  }
}
