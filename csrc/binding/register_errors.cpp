// SPDX-License-Identifier: Apache-2.0
#include "binding/register.h"
#include "support/error.h"

#include <pybind11/pybind11.h>

#include <exception>
#include <new>
#include <string>
#include <utility>

namespace py = pybind11;

namespace ppocrvl::binding {
namespace {

struct KindName {
  ErrorKind kind;
  const char *name;
  const char *python_class; // in ppocrvl.errors
};

constexpr KindName kind_names[] = {
    {ErrorKind::option, "option", "OptionError"},
    {ErrorKind::image, "image", "ImageError"},
    {ErrorKind::model_format, "model_format", "ModelFormatError"},
    {ErrorKind::model_mismatch, "model_mismatch", "ModelMismatchError"},
    {ErrorKind::context, "context", "ContextError"},
    {ErrorKind::engine, "engine", "EngineError"},
    {ErrorKind::text, "text", "InvalidTextError"},
    {ErrorKind::queue_full, "queue_full", "QueueFullError"},
    {ErrorKind::cancelled, "cancelled", "CancelledError"},
};

void set_python_error(const Error &error) {
  for (const auto &entry : kind_names) {
    if (entry.kind == error.kind()) {
      py::set_error(py::module_::import("ppocrvl.errors").attr(entry.python_class), error.what());
    }
  }
}

void translate(std::exception_ptr error) {
  try {
    if (error) {
      std::rethrow_exception(std::move(error));
    }
  } catch (const Error &e) {
    set_python_error(e);
  } catch (const std::bad_alloc &) { // pybind11 would make it a MemoryError
    try {
      std::rethrow_exception(memory_error());
    } catch (const Error &e) {
      set_python_error(e);
    }
  }
}

void throw_error(const std::string &kind_name, const std::string &message) {
  if (kind_name == "bad_alloc") {
    throw std::bad_alloc();
  }
  for (const auto &entry : kind_names) {
    if (kind_name == entry.name) {
      throw Error(entry.kind, message);
    }
  }
  throw py::value_error("no error kind " + kind_name);
}

} // namespace

void register_errors(py::module_ &module) {
  py::register_exception_translator(&translate);
  module.def_submodule("_test", "Hooks for tests.")
      .def("throw_error", &throw_error, py::arg("kind_name"), py::arg("message"),
           "Throws the C++ error of that kind.");
}

} // namespace ppocrvl::binding
