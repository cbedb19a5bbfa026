// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>

namespace ppocrvl {

/// Has the C++ library make room for what it notes of this thread's exceptions. Else it does so at
/// the first one, and if that is for want of memory, the C library has none for this either and
/// ends the process. For threads that are about to ask for memory.
inline void take_memory_for_exceptions() noexcept { static_cast<void>(std::uncaught_exceptions()); }

} // namespace ppocrvl
