// SPDX-License-Identifier: Apache-2.0
#include "layout/query_selection.h"

#include "layout/perceptron.h"
#include "layout/query_masks.h"
#include "layout/selection.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace ppocrvl::layout {
namespace {

using kernels::lanes;
using Levels = std::array<FeatureMap, LayoutConfig::n_levels>;

/// Tokens of a level whose anchor is not valid become zeros.
void build_valid(Builder &build, const FeatureMap &in, const FeatureMap &out, const float *valid) {
  build.add_panels("valid", in.n_panels(), 16, 0,
                   [=](std::int64_t first, std::int64_t count, std::byte *) {
                     for (std::int64_t panel = first; panel < first + count; ++panel) {
                       const std::int64_t n_lanes = std::min(lanes, in.n_pixels() - panel * lanes);
                       float factors[lanes] = {};
                       std::copy_n(valid + panel * lanes, n_lanes, factors);
                       for (std::int64_t i = 0; i < in.n_channels * lanes; ++i) {
                         out.panel(panel)[i] = in.panel(panel)[i] * factors[i % lanes];
                       }
                     }
                   });
}

/// Each token's best class, to `scores` from `first_token` on.
void build_best_classes(Builder &build, const FeatureMap &classes, std::int64_t first_token) {
  build.add_panels(
      "best_classes", classes.n_panels(), 64, 0,
      [=, &results = build.results()](std::int64_t first, std::int64_t count, std::byte *) {
        const std::int64_t end = std::min((first + count) * lanes, classes.n_pixels());
        for (std::int64_t token = first * lanes; token < end; ++token) {
          float best = classes.at(0, token);
          for (std::int64_t label = 1; label < classes.n_channels; ++label) {
            const float score = classes.at(label, token);
            // What is no number stays, as in torch's max.
            best = score > best || std::isnan(score) ? score : best;
          }
          results.scores[static_cast<std::size_t>(first_token + token)] = best;
        }
      });
}

/// Copies the selected tokens of all levels.
void take_selected(const Levels &memories, const Results &results, const FeatureMap &queries) {
  for (std::int64_t query = 0; query < queries.n_pixels(); ++query) {
    std::int64_t token = results.selected[static_cast<std::size_t>(query)];
    std::size_t level = 0;
    while (token >= memories[level].n_pixels()) {
      token -= memories[level].n_pixels();
      ++level;
    }
    for (std::int64_t channel = 0; channel < queries.n_channels; ++channel) {
      queries.at(channel, query) = memories[level].at(channel, token);
    }
  }
}

/// From the box head, whose outputs are in `references`, and the tokens' anchors.
void add_anchors(const std::vector<float> &anchors, const Results &results,
                 const FeatureMap &references) {
  for (std::int64_t query = 0; query < references.n_pixels(); ++query) {
    const std::int64_t token = results.selected[static_cast<std::size_t>(query)];
    for (std::int64_t i = 0; i < 4; ++i) {
      float &value = references.at(i, query);
      value = 1.0F / (1.0F + std::exp(-(value + anchors[static_cast<std::size_t>(4 * token + i)])));
    }
  }
}

} // namespace

void build_query_selection(Builder &build, const LayoutConfig &config, const Levels &memories,
                           const FeatureMap *prototypes, const FeatureMap &queries,
                           const FeatureMap &references) {
  Results &results = build.results();
  const std::int64_t n_anchors = config.n_anchors();
  const std::int64_t length = config.decoder_length;
  results.scores.resize(static_cast<std::size_t>(n_anchors));
  const std::vector<float> &valid = build.weights().constant("dec.anchors_valid", 1, n_anchors);
  const std::vector<float> &anchors = build.weights().constant("dec.anchors", 4, n_anchors);

  const MapBuffer first = build.map(length, memories[0].width, memories[0].height);
  const MapBuffer second = build.map(length, memories[1].width, memories[1].height);
  const MapBuffer third = build.map(length, memories[2].width, memories[2].height);
  const Levels outputs{first.map(), second.map(), third.map()};
  std::int64_t first_token = 0;
  for (std::size_t level = 0; level < outputs.size(); ++level) {
    const FeatureMap &out = outputs[level];
    const MapBuffer masked = build.map(length, out.width, out.height);
    build_valid(build, memories[level], masked, valid.data() + first_token);
    build.linear("dec.memory", masked, out);
    build.norm("dec.memory_norm", out, out, config.layer_norm_epsilon);
    const MapBuffer classes = build.map(config.n_labels(), out.width, out.height);
    build.linear("dec.enc_class", out, classes);
    build_best_classes(build, classes, first_token);
    build.keep_tokens("encoder_classes." + std::to_string(level), classes);
    first_token += out.n_pixels();
  }
  build.add_single("select", [=, &results] {
    results.selected = largest(results.scores, queries.n_pixels());
    take_selected(outputs, results, queries);
  });
  if (!config.is_mask_enhanced) {
    build_perceptron(build, "dec.enc_box", queries, references);
    build.add_single(
        "anchors", [references, &anchors, &results] { add_anchors(anchors, results, references); });
    return;
  }
  const MapBuffer normed = build.map(length, queries.width, 1);
  const MapBuffer mask_queries = build.map(config.n_prototypes, queries.width, 1);
  build.norm("dec.norm", queries, normed, config.layer_norm_epsilon);
  build_perceptron(build, "mask.query", normed, mask_queries);
  build_mask_boxes(build, mask_queries, *prototypes, references);
}

} // namespace ppocrvl::layout
