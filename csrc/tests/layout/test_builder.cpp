// SPDX-License-Identifier: Apache-2.0
#include "layout/builder.h"
#include "tests/check.h"
#include "tests/gguf_builder.h"
#include "tests/maps.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

using namespace ppocrvl::tests;
using namespace ppocrvl::layout;
using ppocrvl::test::is_near;
using ppocrvl::test::Numbers;
using ppocrvl::test::OwnMap;
using ppocrvl::test::OwnScratch;

namespace {

void run(const Program &program) {
  OwnScratch scratch(program.scratch_bytes());
  for (const Step &step : program.steps()) {
    for (std::int64_t part = 0; part < step.n_parts; ++part) {
      step.compute({part, step.n_parts, scratch.data()});
    }
  }
}

/// A file with a linear layer of 2 channels whose weights are [[0, 1], [0, 1]] and bias [0, 1].
std::string linear_file() {
  GgufBuilder file;
  file.tensor("linear.weight", {2, 2});
  file.tensor("linear.bias", {2});
  std::string bytes = file.bytes();
  const std::size_t at = file.padded(file.header().size());
  for (const std::size_t place : {at + 4, at + 12, at + 32 + 4}) {
    bytes.replace(place, 4, GgufBuilder::raw(1.0F));
  }
  return bytes;
}

/// A builder and what it refers to, over a file.
struct Bench {
  explicit Bench(int n_threads, const std::string &bytes = linear_file())
      : file(bytes), header(ppocrvl::read_gguf(file.path())), weights(header),
        build(program, plan, weights, ppocrvl::kernels::map_kernels(), results, n_threads) {}

  TemporaryFile file;
  ppocrvl::GgufFile header;
  Weights weights;
  OwnScratch memory{1 << 16};
  BufferPlan plan{memory.data()};
  Program program;
  Results results;
  Builder build;
};

} // namespace

TEST_CASE("layout builder: the parts of a step cover its panels once, some at a time") {
  for (const std::int64_t n_panels : {1, 2, 7, 40}) {
    for (const int n_threads : {1, 3}) {
      Bench bench(n_threads);
      std::vector<int> seen(static_cast<std::size_t>(n_panels));
      std::int64_t most = 0;
      bench.build.add_panels("count", n_panels, 5, 0,
                             [&](std::int64_t first, std::int64_t count, std::byte *) {
                               most = std::max(most, count);
                               for (std::int64_t i = first; i < first + count; ++i) {
                                 ++seen[static_cast<std::size_t>(i)];
                               }
                             });
      run(bench.program);
      CHECK(seen == std::vector<int>(static_cast<std::size_t>(n_panels), 1));
      CHECK(most <= 5);
      CHECK(bench.program.steps()[0].n_parts >= std::min(n_panels, std::int64_t{2} * n_threads));
    }
  }
}

TEST_CASE("layout builder: of lists that differ from page to page the first panels are computed") {
  const Bench bench(2);
  const auto n_pixels = std::make_shared<std::int64_t>(0);
  Builder some = bench.build.with_pixels(n_pixels);
  std::int64_t n_panels = 0;
  some.add_panels("count", 9, 2, 0, [&](std::int64_t, std::int64_t count, std::byte *) {
    CHECK(count > 0);
    n_panels += count;
  });
  for (const auto &[pixels, panels] : {std::pair{0, 0}, {1, 1}, {33, 2}, {288, 9}}) {
    *n_pixels = pixels;
    n_panels = 0;
    run(bench.program);
    CHECK_EQUAL(n_panels, panels);
  }
}

TEST_CASE("layout builder: a linear layer, its bias and what is added") {
  Bench bench(1);
  Numbers numbers(5);
  const OwnMap in(2, 9, 5, numbers);
  const OwnMap out(2, 9, 5, numbers);
  const OwnMap more(2, 9, 5, numbers);
  bench.build.linear("linear", in.map, out.map, Activation::none, &more.map);
  run(bench.program);
  bool is_right = true;
  for (std::int64_t pixel = 0; pixel < 45; ++pixel) {
    const float value = in.map.at(1, pixel);
    is_right = is_right &&
               is_near(static_cast<double>(out.map.at(0, pixel)),
                       static_cast<double>(value + more.map.at(0, pixel))) &&
               is_near(static_cast<double>(out.map.at(1, pixel)),
                       static_cast<double>(value + 1.0F + more.map.at(1, pixel)));
  }
  CHECK(is_right);
}

TEST_CASE("layout builder: stages are kept if a page asks for them") {
  Bench bench(1);
  Numbers numbers(6);
  const OwnMap map(2, 3, 2, numbers);
  bench.build.keep_map("map", map.map);
  bench.build.with_pixels(std::make_shared<const std::int64_t>(4)).keep_tokens("tokens", map.map);
  run(bench.program);
  Stages stages;
  bench.results.stages = &stages;
  run(bench.program);
  CHECK_EQUAL(stages.size(), 2U);
  CHECK(stages[0].second.shape == (std::vector<std::size_t>{2, 2, 3}));
  CHECK_EQUAL(stages[0].second.values[7], map.map.at(1, 1));
  CHECK(stages[1].second.shape == (std::vector<std::size_t>{4, 2}));
  CHECK_EQUAL(stages[1].second.values[7], map.map.at(1, 3));
}
