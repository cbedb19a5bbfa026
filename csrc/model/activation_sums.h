// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/node_observer.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ppocrvl {

/// For every weight matrix of the graphs that it observes: how large its inputs are, column by
/// column. A column's mean square is how much an error in its weights counts (the diagonal of the
/// layer's Hessian), which llama.cpp calls the importance matrix.
class ActivationSums final : public NodeObserver {
public:
  struct Entry {
    std::vector<double> squares; // one sum for each column
    std::int64_t count = 0;      // vectors that were summed
  };

  [[nodiscard]] bool wants(const ggml_tensor &node) const override;
  void see(const ggml_tensor &node) override;

  /// By the name of the matrix.
  [[nodiscard]] const std::map<std::string, Entry> &entries() const { return entries_; }

private:
  std::map<std::string, Entry> entries_;
  std::vector<char> copy_;
};

} // namespace ppocrvl
