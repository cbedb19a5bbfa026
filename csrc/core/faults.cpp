// SPDX-License-Identifier: Apache-2.0
#include "core/faults.h"

#include "core/error.h"

#include <atomic>

namespace ppocrvl {
namespace {

std::atomic<FaultPoint> fault_point{FaultPoint::none};
std::atomic<int> faults_left{0};

} // namespace

void inject_fault(FaultPoint point, int count) {
  faults_left = count;
  fault_point = point;
}

void pass(FaultPoint point) {
  if (fault_point.load(std::memory_order_relaxed) == point && faults_left.fetch_sub(1) > 0) {
    throw Error(ErrorKind::engine, "a fault that a test asked for");
  }
}

} // namespace ppocrvl
