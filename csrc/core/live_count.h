// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

namespace ppocrvl {

/// Base class that counts the living objects of a class, so that tests can see that none is left.
template <class T> class LiveCount {
public:
  LiveCount() { ++count_; }
  LiveCount(const LiveCount & /*other*/) { ++count_; }
  LiveCount &operator=(const LiveCount &) = default;
  ~LiveCount() { --count_; }

  static int count() { return count_; }

private:
  static inline std::atomic<int> count_{0};
};

} // namespace ppocrvl
