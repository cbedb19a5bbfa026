// SPDX-License-Identifier: Apache-2.0
#include "layout/perceptron.h"

namespace ppocrvl::layout {

void build_perceptron(Builder &build, const std::string &name, const FeatureMap &in,
                      const FeatureMap &out) {
  const MapBuffer first = build.map(in.n_channels, in.width, in.height);
  const MapBuffer second = build.map(in.n_channels, in.width, in.height);
  build.linear(name + ".0", in, first, Activation::relu);
  build.linear(name + ".1", first, second, Activation::relu);
  build.linear(name + ".2", second, out);
}

} // namespace ppocrvl::layout
