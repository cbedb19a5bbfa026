// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

namespace ppocrvl {

/// Places where tests let native work fail.
enum class FaultPoint { none, encode, encode_together, grow_cache, allocate_cache, decode };

/// Makes `count` passes of that place fail, in all engines of the process, after so many that do
/// not. For tests.
void inject_fault(FaultPoint point, int count, int after = 0);

/// Calls `visitor` wherever something of the process passes such a place, in the thread that does;
/// it may wait there, and throw. Null ends that. For tests.
void visit_places(std::function<void(FaultPoint)> visitor);

/// Throws ErrorKind::engine if a test asked for it.
void pass(FaultPoint point);

} // namespace ppocrvl
