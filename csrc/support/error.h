// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <stdexcept>
#include <string>

namespace ppocrvl {

/// What went wrong, in the user's terms; the binding maps each kind to one Python exception class.
enum class ErrorKind {
  option,
  image,
  model_format,
  model_mismatch,
  context,
  engine,
  text,
  queue_full,
  cancelled,
};

/// The only exception the core throws on purpose. The message is one line: what is wrong, where,
/// and what to do about it.
class Error : public std::runtime_error {
public:
  Error(ErrorKind kind, const std::string &message) : std::runtime_error(message), kind_(kind) {}

  [[nodiscard]] ErrorKind kind() const noexcept { return kind_; }

private:
  ErrorKind kind_;
};

/// The Error that running out of memory is reported as. Made when the process starts: making one
/// takes memory.
std::exception_ptr memory_error() noexcept;

/// The exception that is being handled as the Error that callers of the core are to see; upstream
/// throws plain std::exception. Only inside a catch block. Works without memory.
std::exception_ptr current_error() noexcept;

} // namespace ppocrvl
