// SPDX-License-Identifier: Apache-2.0
#include "binding/register.h"

#include <pybind11/pybind11.h>

PYBIND11_MODULE(_native, module) {
  module.doc() = "The engine of ppocrvl; use the functions and classes of `ppocrvl` instead.";
  module.attr("__version__") = PPOCRVL_VERSION;

  ppocrvl::binding::register_errors(module);
  ppocrvl::binding::register_request(module);
  ppocrvl::binding::register_engine(module);
  ppocrvl::binding::register_files(module);
  ppocrvl::binding::register_layout(module);
  ppocrvl::binding::register_quantize(module);
  ppocrvl::binding::register_system(module);
  ppocrvl::binding::register_teacher_forcing(module);
  ppocrvl::binding::register_test(module);
}
