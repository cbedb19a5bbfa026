// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "layout/builder.h"

#include <string>

namespace ppocrvl::layout {

/// Adds three linear layers `name`.0 to .2 with ReLU between them, of as many features as `in` has.
void build_perceptron(Builder &build, const std::string &name, const FeatureMap &in,
                      const FeatureMap &out);

} // namespace ppocrvl::layout
