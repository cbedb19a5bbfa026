// SPDX-License-Identifier: Apache-2.0
#include "layout/query_masks.h"

#include "layout/masks.h"
#include "layout/packed_tokens.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <vector>

namespace ppocrvl::layout {
namespace {

using kernels::lanes;

constexpr kernels::Window panel_alone{1, 1, 0, lanes, 1, lanes, 1};

float sigmoid(float x) { return 1.0F / (1.0F + std::exp(-x)); }

kernels::Convolution masks_of_panel(const FeatureMap &prototypes, std::int64_t panel,
                                    const float *packed, std::int64_t n_queries, float *out) {
  kernels::Convolution task{};
  task.window = panel_alone;
  task.n_channels = prototypes.n_channels;
  task.n_rows = n_queries;
  task.weights = packed;
  task.in = prototypes.panel(panel);
  task.out = out;
  return task;
}

} // namespace

void build_mask_boxes(Builder &build, const FeatureMap &mask_queries, const FeatureMap &prototypes,
                      const FeatureMap &references) {
  const std::int64_t n_queries = mask_queries.n_pixels();
  const std::int64_t n_panels = prototypes.n_panels();
  const std::int64_t n_parts = std::min(n_panels, std::int64_t{4} * build.n_threads());
  const Buffer packed = build.buffer(kernels::packed_weights(n_queries, prototypes.n_channels));
  float *rows = packed.data();
  build.add_single("pack_mask_queries",
                   [=] { pack_tokens(mask_queries, 0, mask_queries.n_channels, 1.0F, rows); });
  // Of each part's panels, one for each query.
  const auto extents =
      std::make_shared<std::vector<MaskExtent>>(static_cast<std::size_t>(n_parts * n_queries));
  const std::size_t masks_bytes = static_cast<std::size_t>(n_queries * lanes) * sizeof(float);
  build.add({
      "mask_extents",
      n_parts,
      masks_bytes + build.kernels().convolutions.scratch_bytes(panel_alone, prototypes.n_channels),
      [=, &kernels = build.kernels()](const Part &part) {
        MaskExtent *found = extents->data() + part.index * n_queries;
        std::fill_n(found, n_queries, MaskExtent{});
        auto *masks = reinterpret_cast<float *>(part.scratch);
        for (std::int64_t panel = part.begin(n_panels); panel < part.end(n_panels); ++panel) {
          kernels.convolutions.convolve(masks_of_panel(prototypes, panel, rows, n_queries, masks),
                                        0, 1, part.scratch + masks_bytes);
          for (std::int64_t query = 0; query < n_queries; ++query) {
            extend(found[query], masks + query * lanes, panel, prototypes);
          }
        }
      },
  });
  build.add_single("mask_boxes", [=] {
    for (std::int64_t query = 0; query < n_queries; ++query) {
      MaskExtent all;
      for (std::int64_t part = 0; part < n_parts; ++part) {
        all.join((*extents)[static_cast<std::size_t>(part * n_queries + query)]);
      }
      const Box box = box_of(all, prototypes);
      references.at(0, query) = sigmoid(inverse_sigmoid(box.x));
      references.at(1, query) = sigmoid(inverse_sigmoid(box.y));
      references.at(2, query) = sigmoid(inverse_sigmoid(box.width));
      references.at(3, query) = sigmoid(inverse_sigmoid(box.height));
    }
  });
}

void keep_masks(Builder &build, const std::string &name, const FeatureMap &mask_queries,
                const FeatureMap &prototypes) {
  build.add_single("keep", [=, &results = build.results()] {
    if (results.stages == nullptr) {
      return;
    }
    const std::int64_t n_queries = mask_queries.n_pixels();
    Array masks{
        {
            static_cast<std::size_t>(n_queries),
            static_cast<std::size_t>(prototypes.height),
            static_cast<std::size_t>(prototypes.width),
        },
        {},
    };
    masks.values.reserve(static_cast<std::size_t>(n_queries * prototypes.n_pixels()));
    for (std::int64_t query = 0; query < n_queries; ++query) {
      for (std::int64_t pixel = 0; pixel < prototypes.n_pixels(); ++pixel) {
        float sum = 0.0F;
        for (std::int64_t channel = 0; channel < prototypes.n_channels; ++channel) {
          sum += mask_queries.at(channel, query) * prototypes.at(channel, pixel);
        }
        masks.values.push_back(sum);
      }
    }
    results.stages->emplace_back(name, std::move(masks));
  });
}

} // namespace ppocrvl::layout
