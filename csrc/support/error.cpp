// SPDX-License-Identifier: Apache-2.0
#include "support/error.h"

#include <new>

namespace ppocrvl {
namespace {

const std::exception_ptr no_memory = std::make_exception_ptr(
    Error(ErrorKind::engine, "there is not enough memory; read smaller images (max_pixels), fewer "
                             "at a time (n_parallel), or use a smaller model (ppocrvl quantize)"));

std::exception_ptr engine_error(const char *what) noexcept {
  try {
    return std::make_exception_ptr(
        Error(ErrorKind::engine, std::string("inference failed: ") + what));
  } catch (...) {
    return no_memory;
  }
}

} // namespace

std::exception_ptr memory_error() noexcept { return no_memory; }

std::exception_ptr current_error() noexcept {
  try {
    throw;
  } catch (const Error &) {
    return std::current_exception();
  } catch (const std::bad_alloc &) {
    return no_memory;
  } catch (const std::exception &error) {
    return engine_error(error.what());
  } catch (...) {
    return engine_error("an unknown exception");
  }
}

} // namespace ppocrvl
