// SPDX-License-Identifier: Apache-2.0
#include "core/faults.h"

#include "core/error.h"

#include <atomic>

namespace ppocrvl {
namespace {

std::atomic<FaultPoint> fault_point{FaultPoint::none};
std::atomic<int> n_passes{0};
std::atomic<int> first_fault{0};
std::atomic<int> n_faults{0};

} // namespace

void inject_fault(FaultPoint point, int count, int after) {
  fault_point = FaultPoint::none;
  n_passes = 0;
  first_fault = after;
  n_faults = count;
  fault_point = point;
}

void pass(FaultPoint point) {
  if (fault_point.load(std::memory_order_relaxed) != point) {
    return;
  }
  const int passed_since = n_passes.fetch_add(1) - first_fault;
  if (passed_since >= 0 && passed_since < n_faults) {
    throw Error(ErrorKind::engine, "a fault that a test asked for");
  }
}

} // namespace ppocrvl
