// SPDX-License-Identifier: Apache-2.0
#pragma once

struct ggml_tensor;

namespace ppocrvl {

/// Looks at nodes of a graph while it is computed. Each node that it wants costs a synchronisation.
class NodeObserver {
public:
  NodeObserver() = default;
  virtual ~NodeObserver() = default;
  NodeObserver(const NodeObserver &) = delete;
  NodeObserver &operator=(const NodeObserver &) = delete;

  [[nodiscard]] virtual bool wants(const ggml_tensor &node) const = 0;

  /// Called when a wanted node has been computed; its sources still hold their values.
  virtual void see(const ggml_tensor &node) = 0;
};

} // namespace ppocrvl
