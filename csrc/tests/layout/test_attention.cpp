// SPDX-License-Identifier: Apache-2.0
#include "layout/attention.h"
#include "tests/check.h"
#include "tests/gguf_builder.h"
#include "tests/maps.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

using ppocrvl::layout::BufferPlan;
using ppocrvl::layout::Builder;
using ppocrvl::layout::FeatureMap;
using ppocrvl::layout::Program;
using ppocrvl::layout::Results;
using ppocrvl::layout::Step;
using ppocrvl::layout::Weights;
using ppocrvl::test::is_near;
using ppocrvl::test::Numbers;
using ppocrvl::test::OwnMap;
using ppocrvl::test::OwnScratch;

namespace {

/// Channel `i` of what a query gets.
double attended(const FeatureMap &queries, const FeatureMap &keys, const FeatureMap &values,
                std::int64_t query, std::int64_t i, std::int64_t d_head) {
  const std::int64_t first = i / d_head * d_head;
  double sum = 0;
  double total = 0;
  for (std::int64_t key = 0; key < keys.n_pixels(); ++key) {
    double score = 0;
    for (std::int64_t channel = first; channel < first + d_head; ++channel) {
      score += static_cast<double>(queries.at(channel, query)) *
               static_cast<double>(keys.at(channel, key));
    }
    const double share = std::exp(score / std::sqrt(static_cast<double>(d_head)));
    total += share;
    sum += share * static_cast<double>(values.at(i, key));
  }
  return sum / total;
}

} // namespace

TEST_CASE("layout attention: queries of several panels to all keys, head by head") {
  Numbers numbers(11);
  const std::int64_t n_heads = 3;
  const std::int64_t d_head = 10;
  const std::int64_t n_channels = n_heads * d_head;
  const std::int64_t n_queries = 70;
  const std::int64_t n_keys = 45;
  const OwnMap queries(n_channels, n_queries, 1, numbers);
  const OwnMap keys(n_channels, n_keys, 1, numbers);
  const OwnMap values(n_channels, n_keys, 1, numbers);
  const OwnMap out(n_channels, n_queries, 1, numbers);
  const ppocrvl::tests::TemporaryFile nothing("");
  ppocrvl::GgufFile file;
  file.path = nothing.path();
  Weights weights(file);
  Results results;
  for (const ppocrvl::kernels::MapKernels *kernels : ppocrvl::kernels::all_map_kernels()) {
    OwnScratch memory(1 << 20);
    BufferPlan plan(memory.data());
    Program program;
    Builder build(program, plan, weights, *kernels, results, 1);
    build_attention(build, queries.map, keys.map, values.map, out.map, n_heads);
    CHECK(plan.bytes() <= 1U << 20U);
    OwnScratch scratch(program.scratch_bytes());
    for (const Step &step : program.steps()) {
      for (std::int64_t part = 0; part < step.n_parts; ++part) {
        step.compute({part, step.n_parts, scratch.data()});
      }
    }
    bool is_right = true;
    for (std::int64_t query = 0; query < n_queries; ++query) {
      for (std::int64_t i = 0; i < n_channels; ++i) {
        const double expected = attended(queries.map, keys.map, values.map, query, i, d_head);
        is_right = is_right && is_near(static_cast<double>(out.map.at(i, query)), expected);
      }
    }
    CHECK(is_right);
  }
}
