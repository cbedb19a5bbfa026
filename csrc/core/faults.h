// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace ppocrvl {

/// Places where tests let native work fail.
enum class FaultPoint { none, encode, encode_together, make_room, decode };

/// Makes `count` passes of that place fail, in all engines of the process, after so many that do
/// not. For tests.
void inject_fault(FaultPoint point, int count, int after = 0);

/// Throws ErrorKind::engine if a test asked for it.
void pass(FaultPoint point);

} // namespace ppocrvl
