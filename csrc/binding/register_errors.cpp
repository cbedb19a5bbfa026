// SPDX-License-Identifier: Apache-2.0
#include "binding/register.h"
#include "core/error.h"
#include "core/utf8_assembler.h"
#include "mtmd/vision_graph.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <exception>
#include <map>
#include <new>
#include <string>
#include <utility>
#include <vector>

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
    {ErrorKind::cancelled, "cancelled", "CancelledError"},
};

void translate(std::exception_ptr error) {
  try {
    if (error) {
      std::rethrow_exception(std::move(error));
    }
  } catch (const Error &e) {
    for (const auto &entry : kind_names) {
      if (entry.kind == e.kind()) {
        py::set_error(py::module_::import("ppocrvl.errors").attr(entry.python_class), e.what());
      }
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

py::str decode_utf8(const std::vector<py::bytes> &chunks) {
  Utf8Assembler assembler;
  std::string text;
  for (const auto &chunk : chunks) {
    const std::string piece = assembler.push(static_cast<std::string>(chunk));
    py::str(piece).cast<std::string>(); // throws if the piece is not valid by itself
    text += piece;
  }
  return text + assembler.finish();
}

void deviate_vision(const std::string &name) {
  static const std::map<std::string, VisionDeviation> deviations{
      {"", VisionDeviation::none},
      {"antialiased_positions", VisionDeviation::antialiased_positions},
      {"tanh_projector", VisionDeviation::tanh_projector},
  };
  const auto found = deviations.find(name);
  if (found == deviations.end()) {
    throw py::value_error("no deviation " + name);
  }
  deviate_for_tests(found->second);
}

} // namespace

void register_errors(py::module_ &module) {
  py::register_exception_translator(&translate);

  auto test = module.def_submodule("_test", "Hooks for the tests of the binding.");
  test.def("throw_error", &throw_error, py::arg("kind_name"), py::arg("message"),
           "Throws the C++ error of that kind.");
  test.def("decode_utf8", &decode_utf8, py::arg("chunks"),
           "Puts the chunks through the assembler that makes text of token bytes.");
  test.def("deviate_vision", &deviate_vision, py::arg("name"),
           "Makes the vision graph deviate from the reference as upstream's does, until the next "
           "call; see the names in its source.");
}

} // namespace ppocrvl::binding
