// SPDX-License-Identifier: Apache-2.0
#include "binding/arrays.h"
#include "binding/register.h"
#include "model/teacher_forcing.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace py = pybind11;

namespace ppocrvl::binding {
namespace {

py::dict sums(const TeacherForcing &model) {
  py::dict found;
  for (const auto &[name, entry] : model.sums().entries()) {
    const auto n_columns = static_cast<py::ssize_t>(entry.squares.size());
    found[py::str(name)] =
        py::make_tuple(py::array_t<double>(n_columns, entry.squares.data()), entry.count);
  }
  return found;
}

} // namespace

void register_teacher_forcing(py::module_ &module) {
  py::class_<TeacherForcing>(module, "TeacherForcing",
                             "A model that is told the answer. One thread at a time.")
      .def(py::init([](std::string llm, std::string mmproj, int n_threads, bool collect) {
             const py::gil_scoped_release no_gil; // loading takes seconds
             return std::make_unique<TeacherForcing>(
                 TeacherForcingOptions{std::move(llm), std::move(mmproj), n_threads, collect});
           }),
           py::kw_only(), py::arg("llm"), py::arg("mmproj"), py::arg("n_threads") = 0,
           py::arg("collect") = false, R"(Args:
    llm: Path of the language model's GGUF file.
    mmproj: Path of the vision encoder's GGUF file.
    n_threads: Threads that compute; 0 takes as many as an engine.
    collect: Sum the squares of what goes into every matrix.

Raises:
    ModelFormatError: A file is damaged or no such model.
    ModelMismatchError: The files are swapped or do not fit each other.
    EngineError: The native library failed.)")
      .def_property_readonly("info", &TeacherForcing::info,
                             py::return_value_policy::reference_internal)
      .def("answer_ids", &TeacherForcing::answer_ids, py::arg("text"),
           py::call_guard<py::gil_scoped_release>(),
           "Ids of an answer, special tokens in it included, and the token that ends it.")
      .def(
          "read",
          [](TeacherForcing &model, const py::object &image, const std::string &prompt,
             const std::vector<std::int32_t> &answer, bool keep_logits) {
            const RgbImage pixels = to_image(image);
            Array logits;
            {
              const py::gil_scoped_release no_gil;
              logits = model.read(pixels, prompt, answer, keep_logits);
            }
            return to_array(logits);
          },
          py::arg("image"), py::arg("prompt"), py::arg("answer"), py::kw_only(),
          py::arg("keep_logits") = true, R"(Reads a picture and is told the answer.

Args:
    image: As in Request.
    prompt: The user's text.
    answer: Token ids.
    keep_logits: Give the logits back.

Returns:
    float32 [len(answer), n_vocab]: row i are the logits for answer[i]; no rows without keep_logits.

Raises:
    OptionError: The answer is empty, or an id is not of the vocabulary.
    ImageError: The image's sides do not fit the model.
    ContextError: Picture and answer fill the model's context.
    EngineError: The native library failed.)")
      .def("sums", &sums,
           "By name of a matrix: the sums of the squared inputs, float64 [columns], and how many "
           "inputs were summed.");
}

} // namespace ppocrvl::binding
