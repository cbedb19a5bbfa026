// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pybind11/pybind11.h>

namespace ppocrvl::binding {

// One function per area of the module; each is called once by module.cpp.
void register_errors(pybind11::module_ &module);
void register_request(pybind11::module_ &module);
void register_engine(pybind11::module_ &module);
void register_files(pybind11::module_ &module);
void register_layout(pybind11::module_ &module);
void register_quantize(pybind11::module_ &module);
void register_system(pybind11::module_ &module);
void register_teacher_forcing(pybind11::module_ &module);
void register_test(pybind11::module_ &module); // the submodule `_test`

} // namespace ppocrvl::binding
