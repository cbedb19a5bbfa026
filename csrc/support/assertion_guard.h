// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace ppocrvl {

/// While it lives, an assertion of ggml that fails in this thread throws ErrorKind::engine; without
/// it, ggml ends the process. Asserting is how ggml and mtmd report that they are out of memory or
/// threads in many places. The exception passes through C code, which the build compiles for that
/// (third_party/llama.cpp/libraries): what that code held is lost, and the objects that it worked
/// on are to be thrown away.
class AssertionGuard {
public:
  AssertionGuard();
  ~AssertionGuard();
  AssertionGuard(const AssertionGuard &) = delete;
  AssertionGuard &operator=(const AssertionGuard &) = delete;
};

} // namespace ppocrvl
