// SPDX-License-Identifier: Apache-2.0
#pragma once

#ifndef _WIN32
#include <unistd.h>
#endif

namespace ppocrvl {

/// The id of this process, which tells a forked child from its parent; 0 where nothing forks.
inline int current_process() {
#ifdef _WIN32
  return 0;
#else
  return static_cast<int>(getpid());
#endif
}

} // namespace ppocrvl
