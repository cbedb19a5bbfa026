// SPDX-License-Identifier: Apache-2.0
#include "binding/register.h"
#include "files/gguf_file.h"
#include "files/row_format.h"
#include "support/error.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace py = pybind11;

namespace ppocrvl::binding {
namespace {

using Floats = py::array_t<float, py::array::c_style | py::array::forcecast>;
using Bytes = py::array_t<uint8_t, py::array::c_style | py::array::forcecast>;

py::ssize_t rows_of(const py::array &array) {
  if (array.ndim() != 2) {
    throw Error(ErrorKind::option, "rows are an array of two dimensions");
  }
  return array.shape(0);
}

py::tuple quantize(const std::string &type, const Floats &values,
                   const std::optional<Floats> &importance, int n_threads) {
  const RowShape shape{rows_of(values), values.shape(1)};
  if (importance && (importance->ndim() != 1 || importance->shape(0) != shape.n_per_row)) {
    throw Error(ErrorKind::option, "the importance has " + std::to_string(importance->size()) +
                                       " values for rows of " + std::to_string(shape.n_per_row));
  }
  Bytes out(std::vector<py::ssize_t>{
      static_cast<py::ssize_t>(shape.n_rows),
      static_cast<py::ssize_t>(quantized_row_bytes(type, shape.n_per_row)),
  });
  const float *source = values.data();
  const float *weights = importance ? importance->data() : nullptr;
  uint8_t *target = out.mutable_data();
  RowLoss loss;
  {
    const py::gil_scoped_release no_gil;
    loss = quantize_rows(type, source, shape, weights, n_threads, target);
  }
  return py::make_tuple(std::move(out), loss);
}

Floats dequantize(const std::string &type, const Bytes &data, int64_t n_per_row, int n_threads) {
  const RowShape shape{rows_of(data), n_per_row};
  if (static_cast<uint64_t>(data.shape(1)) != quantized_row_bytes(type, n_per_row)) {
    throw Error(ErrorKind::option, "rows of " + std::to_string(data.shape(1)) +
                                       " bytes do not hold " + std::to_string(n_per_row) +
                                       " elements of " + type);
  }
  Floats out(std::vector<py::ssize_t>{
      static_cast<py::ssize_t>(shape.n_rows),
      static_cast<py::ssize_t>(n_per_row),
  });
  const uint8_t *source = data.data();
  float *target = out.mutable_data();
  {
    const py::gil_scoped_release no_gil;
    dequantize_rows(type, source, shape, n_threads, target);
  }
  return out;
}

} // namespace

void register_quantize(py::module_ &module) {
  py::class_<RowLoss>(module, "RowLoss", "What rows lose in a type: sums over their elements.")
      .def_readonly("squared_error", &RowLoss::squared_error)
      .def_readonly("squared_norm", &RowLoss::squared_norm, "Of the values before.")
      .def_readonly("weighted_error", &RowLoss::weighted_error,
                    "With each square times its column's importance; 0 without.")
      .def_readonly("weighted_norm", &RowLoss::weighted_norm);
  module.def("quantize_rows", &quantize, py::arg("type"), py::arg("values"), py::kw_only(),
             py::arg("importance") = py::none(), py::arg("n_threads") = 0,
             R"(Writes rows in a tensor type such as "Q4_K", with ggml's own kernels.

Args:
    type: Its name, in any case.
    values: float32 [rows, elements].
    importance: float32 [elements], the weight of each column's error; None for equal weights.
    n_threads: The rows are shared among so many; 0 for the machine's cores.

Returns:
    uint8 [rows, bytes], and the RowLoss.

Raises:
    OptionError: No such type, its blocks do not divide the rows, it needs the importance, or
        that holds other than weights from 0.
    ModelFormatError: A value is not finite, or too large for the type or its importance.)");
  module.def("dequantize_rows", &dequantize, py::arg("type"), py::arg("data"), py::arg("n_per_row"),
             py::kw_only(), py::arg("n_threads") = 0,
             R"(Reads rows of a tensor type as float32 [rows, n_per_row].

Args:
    type: Its name, in any case.
    data: uint8 [rows, bytes].
    n_per_row: Elements.
    n_threads: The rows are shared among so many; 0 for the machine's cores.

Raises:
    OptionError: No such type, or the rows have other sizes.)");
}

} // namespace ppocrvl::binding
