// SPDX-License-Identifier: Apache-2.0
#include "binding/arrays.h"

#include "support/error.h"

#include <algorithm>
#include <limits>
#include <string>

namespace py = pybind11;

namespace ppocrvl::binding {

RgbImage to_image(const py::object &object) {
  const std::string expected =
      "the image must be a C-contiguous numpy array of uint8 [height, width, 3], not ";
  if (!py::isinstance<py::array>(object)) {
    throw Error(ErrorKind::image, expected + std::string(py::str(py::type::of(object))));
  }
  const auto array = py::reinterpret_borrow<py::array>(object);
  if (!array.dtype().equal(py::dtype::of<std::uint8_t>()) || array.ndim() != 3 ||
      array.shape(2) != 3 || (array.flags() & py::array::c_style) == 0) {
    throw Error(ErrorKind::image, expected + std::string(py::str(array.dtype())) + " " +
                                      std::string(py::str(array.attr("shape"))) +
                                      "; see numpy.ascontiguousarray");
  }
  constexpr py::ssize_t max_side = std::numeric_limits<int>::max();
  RgbImage image;
  image.height = static_cast<int>(std::min(array.shape(0), max_side));
  image.width = static_cast<int>(std::min(array.shape(1), max_side));
  const auto *bytes = static_cast<const std::uint8_t *>(array.data());
  image.pixels.assign(bytes, bytes + array.size());
  return image;
}

py::array_t<float> to_array(const Array &array) {
  return py::array_t<float>(array.shape, array.values.data());
}

py::array_t<float> to_array(const Embeddings &embeddings) {
  const auto rows = static_cast<py::ssize_t>(embeddings.grid.tokens());
  const auto width = static_cast<py::ssize_t>(embeddings.values.size()) / rows;
  return py::array_t<float>({rows, width}, embeddings.values.data());
}

} // namespace ppocrvl::binding
