// SPDX-License-Identifier: Apache-2.0
#include "support/faults.h"

#include "support/error.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>

namespace ppocrvl {
namespace {

std::atomic<FaultPoint> fault_point{FaultPoint::none};
std::atomic<int> n_passes{0};
std::atomic<int> first_fault{0};
std::atomic<int> n_faults{0};

using Visitor = std::function<void(FaultPoint)>;
std::atomic<bool> is_visited{false};
std::mutex visitor_mutex;
std::shared_ptr<const Visitor> current_visitor;

std::shared_ptr<const Visitor> visitor_now() {
  const std::scoped_lock lock(visitor_mutex);
  return current_visitor;
}

} // namespace

void inject_fault(FaultPoint point, int count, int after) {
  fault_point = FaultPoint::none;
  n_passes = 0;
  first_fault = after;
  n_faults = count;
  fault_point = point;
}

void visit_places(std::function<void(FaultPoint)> visitor) {
  const std::scoped_lock lock(visitor_mutex);
  is_visited = visitor != nullptr;
  current_visitor = visitor ? std::make_shared<const Visitor>(std::move(visitor)) : nullptr;
}

void pass(FaultPoint point) {
  if (is_visited.load(std::memory_order_relaxed)) {
    if (const auto visitor = visitor_now()) {
      (*visitor)(point);
    }
  }
  if (fault_point.load(std::memory_order_relaxed) != point) {
    return;
  }
  const int passed_since = n_passes.fetch_add(1) - first_fault;
  if (passed_since >= 0 && passed_since < n_faults) {
    throw Error(ErrorKind::engine, "a fault that a test asked for");
  }
}

} // namespace ppocrvl
