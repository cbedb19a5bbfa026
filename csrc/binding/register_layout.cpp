// SPDX-License-Identifier: Apache-2.0
#include "binding/arrays.h"
#include "binding/register.h"
#include "layout/layout_model.h"
#include "support/error.h"

#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace py = pybind11;

namespace ppocrvl::binding {
namespace {

using layout::LayoutModel;
using layout::LayoutPrecision;
using layout::LayoutTrace;
using layout::Region;

/// float32 [3, height, width].
using Pixels = py::array_t<float, py::array::c_style | py::array::forcecast>;

LayoutPrecision precision_of(const std::string &word) {
  if (word == "auto") {
    return LayoutPrecision::automatic;
  }
  if (word == "f32") {
    return LayoutPrecision::f32;
  }
  if (word == "bf16") {
    return LayoutPrecision::bf16;
  }
  throw py::value_error("precision is \"" + word + "\"; choose auto, f32 or bf16");
}

py::dict to_dict(const std::vector<Region> &regions, const LayoutTrace *trace) {
  const auto n = static_cast<py::ssize_t>(regions.size());
  py::array_t<float> boxes({n, py::ssize_t{4}});
  py::array_t<float> scores(n);
  py::array_t<std::int64_t> labels(n);
  py::array_t<std::int64_t> order(n);
  py::array_t<std::int64_t> queries(n);
  for (py::ssize_t i = 0; i < n; ++i) {
    const Region &region = regions[static_cast<std::size_t>(i)];
    for (py::ssize_t side = 0; side < 4; ++side) {
      boxes.mutable_at(i, side) = region.box[static_cast<std::size_t>(side)];
    }
    scores.mutable_at(i) = region.score;
    labels.mutable_at(i) = region.label;
    order.mutable_at(i) = region.order;
    queries.mutable_at(i) = region.query;
  }
  py::dict result;
  result["boxes"] = boxes;
  result["scores"] = scores;
  result["labels"] = labels;
  result["order"] = order;
  result["queries"] = queries;
  if (trace != nullptr) {
    py::dict by_name;
    for (const auto &[name, array] : trace->stages) {
      by_name[py::str(name)] = to_array(array);
    }
    result["stages"] = by_name;
    result["step_seconds"] = trace->step_seconds;
  }
  return result;
}

py::dict run(LayoutModel &model, const py::object &object, float threshold, bool trace) {
  const RgbImage image = to_image(object);
  LayoutTrace kept;
  std::vector<Region> regions;
  bool is_interrupted = false;
  const auto has_signal = [&is_interrupted] {
    const py::gil_scoped_acquire gil;
    is_interrupted = is_interrupted || PyErr_CheckSignals() != 0;
    return is_interrupted;
  };
  try {
    const py::gil_scoped_release no_gil;
    regions = model.run({image.pixels.data(), image.width, image.height}, threshold,
                        trace ? &kept : nullptr, has_signal);
  } catch (const Error &) {
    if (is_interrupted) {
      throw py::error_already_set();
    }
    throw;
  }
  return to_dict(regions, trace ? &kept : nullptr);
}

py::dict run_pixels(LayoutModel &model, const Pixels &pixels, float threshold, bool trace) {
  const std::vector<float> values(pixels.data(), pixels.data() + pixels.size());
  LayoutTrace kept;
  std::vector<Region> regions;
  {
    const py::gil_scoped_release no_gil;
    regions = model.run_pixels(values, threshold, trace ? &kept : nullptr);
  }
  return to_dict(regions, trace ? &kept : nullptr);
}

} // namespace

void register_layout(py::module_ &module) {
  py::class_<LayoutModel>(module, "LayoutModel",
                          "A layout model in memory. Pages take turns, from any thread.")
      .def(py::init([](const std::string &path, int n_threads, const std::string &precision) {
             const LayoutPrecision how = precision_of(precision);
             const py::gil_scoped_release no_gil; // loading takes a while
             return std::make_unique<LayoutModel>(path, n_threads, how);
           }),
           py::arg("path"), py::arg("n_threads") = 0, py::kw_only(), py::arg("precision") = "auto",
           R"(Args:
    path: The layout model's GGUF file.
    n_threads: Threads that compute; 0 takes the physical cores.
    precision: How products are computed, where the CPU can: "auto" is the fastest way that keeps
        each stage within 1e-4 of float64, "f32" float32 alone, "bf16" bfloat16 before the decoder.

Raises:
    ValueError: The precision is another word.
    ModelFormatError: The file is damaged.
    ModelMismatchError: The file holds another model.
    EngineError: Memory or threads cannot be had.)")
      .def_property_readonly("labels",
                             [](const LayoutModel &model) { return model.config().labels; })
      .def_property_readonly("thresholds",
                             [](const LayoutModel &model) { return model.config().thresholds; })
      .def_property_readonly("n_threads", &LayoutModel::n_threads)
      .def_property_readonly("kernels", &LayoutModel::kernel_names,
                             "Names of the kernels that convolve in backbone, encoder and decoder.")
      .def_property_readonly("buffer_bytes", &LayoutModel::buffer_bytes,
                             "Bytes of buffers, without the weights.")
      .def("run", &run, py::arg("image"), py::kw_only(), py::arg("threshold") = 0.0F,
           py::arg("trace") = false, R"(Finds a page's regions, before any filter.

Args:
    image: uint8 [height, width, 3], RGB, C-contiguous.
    threshold: Regions of a lower score are left out.
    trace: Keep what is computed on the way.

Returns:
    "boxes": float32 [n, 4], x0, y0, x1, y1 in pixels of the image; "scores": float32 [n];
    "labels", "order", "queries": int64 [n], in reading order. With trace "stages": float32 arrays
    by name; "step_seconds": names of steps and how long they took, in their order.

Raises:
    ImageError: The array is no such image.
    EngineError: Memory ran out.)")
      .def("run_pixels", &run_pixels, py::arg("pixels"), py::kw_only(), py::arg("threshold") = 0.0F,
           py::arg("trace") = false,
           R"(As run, from the model's own input.

Args:
    pixels: float32 [3, height, width] of the model's size, normalised. Boxes are in its pixels.
    threshold: As in run.
    trace: As in run.

Returns:
    As run.

Raises:
    ImageError: The array has another size.
    EngineError: Memory ran out.)");
}

} // namespace ppocrvl::binding
