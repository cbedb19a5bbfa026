// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "layout/feature_map.h"

#include <cstddef>
#include <cstdint>
#include <map>

namespace ppocrvl::layout {

/// Gives buffers places in one piece of memory. A place is taken again as soon as its owner is
/// gone, that is, for the steps that are added to the program behind the owner's scope. A program
/// is built twice: without memory, to see how much it wants, and with it.
///
/// The most that is in use at once is, for the official models, while the stem computes: the two
/// parts of its input of stem 3, with W/2 * H/2 pixels of 2 * s1 channels, and the maps before
/// them.
class BufferPlan {
public:
  /// `memory`: of `bytes()` of an equal plan, aligned to 64; or null.
  explicit BufferPlan(std::byte *memory);
  ~BufferPlan() = default;
  BufferPlan(const BufferPlan &) = delete;
  BufferPlan &operator=(const BufferPlan &) = delete;

  /// What has been in use at once, with a margin at both ends.
  [[nodiscard]] std::size_t bytes() const;

  float *take(std::int64_t count);
  void give_back(const float *buffer);

private:
  std::uintptr_t base_;
  std::map<std::size_t, std::size_t> used_; // end by begin, bytes
  std::size_t most_ = 0;
};

/// Owns numbers of a plan.
class Buffer {
public:
  Buffer(BufferPlan &plan, std::int64_t count) : plan_(&plan), data_(plan.take(count)) {}
  ~Buffer() {
    if (plan_ != nullptr) {
      plan_->give_back(data_);
    }
  }
  Buffer(Buffer &&other) noexcept : plan_(other.plan_), data_(other.data_) {
    other.plan_ = nullptr;
  }
  Buffer(const Buffer &) = delete;
  Buffer &operator=(const Buffer &) = delete;
  Buffer &operator=(Buffer &&) = delete;

  [[nodiscard]] float *data() const { return data_; }

private:
  BufferPlan *plan_;
  float *data_;
};

/// Owns a map of a plan.
class MapBuffer {
public:
  MapBuffer(BufferPlan &plan, std::int64_t n_channels, std::int64_t width, std::int64_t height)
      : buffer_(plan, kernels::panels_of(width * height) * n_channels * kernels::lanes),
        map_{buffer_.data(), n_channels * kernels::lanes, n_channels, width, height} {}

  [[nodiscard]] const FeatureMap &map() const { return map_; }
  // NOLINTNEXTLINE(*-explicit-*): it is a map that owns its memory
  operator const FeatureMap &() const { return map_; }

private:
  Buffer buffer_;
  FeatureMap map_;
};

} // namespace ppocrvl::layout
