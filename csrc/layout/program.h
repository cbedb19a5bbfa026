// SPDX-License-Identifier: Apache-2.0
//
// A layout model is a list of steps over feature maps, made once and run for each page, without a
// ggml graph. There every operation would be a custom node: convolutions are products of our
// kernels over gathered pixels, sampling, selection and masks are nothing that ggml has; and its
// tensors know neither panels nor maps that are parts of others.
#pragma once

#include "layout/workers.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace ppocrvl::layout {

/// What a part of a step gets: its number, and memory of the thread that computes it.
struct Part {
  std::int64_t index;
  std::int64_t count; // of parts
  std::byte *scratch; // aligned to 64

  /// Of so many things, those of this part.
  [[nodiscard]] std::int64_t begin(std::int64_t n) const { return n * index / count; }
  [[nodiscard]] std::int64_t end(std::int64_t n) const { return n * (index + 1) / count; }
};

struct Step {
  std::string name;
  std::int64_t n_parts; // that threads may compute at once
  std::size_t scratch_bytes;
  std::function<void(const Part &)> compute;
};

class Program {
public:
  void add(Step step) { steps_.push_back(std::move(step)); }

  [[nodiscard]] const std::vector<Step> &steps() const { return steps_; }
  /// The most that a step needs, padded to 64.
  [[nodiscard]] std::size_t scratch_bytes() const;

private:
  std::vector<Step> steps_;
};

} // namespace ppocrvl::layout
