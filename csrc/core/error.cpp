// SPDX-License-Identifier: Apache-2.0
#include "core/error.h"

#include <new>

namespace ppocrvl {

std::exception_ptr current_error() {
  try {
    throw;
  } catch (const Error &) {
    return std::current_exception();
  } catch (const std::bad_alloc &) {
    return std::current_exception();
  } catch (const std::exception &error) {
    return std::make_exception_ptr(
        Error(ErrorKind::engine, std::string("inference failed: ") + error.what()));
  } catch (...) {
    return std::make_exception_ptr(Error(ErrorKind::engine, "inference failed"));
  }
}

} // namespace ppocrvl
