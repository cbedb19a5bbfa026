// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

namespace ppocrvl {

/// A member that counts the living objects of a class, so that tests can see that none is left.
template <class T> class LiveCount {
public:
  LiveCount() { ++count_; }
  ~LiveCount() { --count_; }
  LiveCount(const LiveCount &) = delete;
  LiveCount &operator=(const LiveCount &) = delete;

  static int count() { return count_; }

private:
  static inline std::atomic<int> count_{0};
};

} // namespace ppocrvl
