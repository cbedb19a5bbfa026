// SPDX-License-Identifier: Apache-2.0
#include "binding/arrays.h"
#include "binding/register.h"
#include "binding/wait.h"
#include "layout/layout_model.h"
#include "schedule/layout_turns.h"
#include "schedule/ticket.h"
#include "support/error.h"

#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace py = pybind11;

namespace ppocrvl::binding {
namespace {

using layout::LayoutModel;
using layout::LayoutOptions;
using layout::LayoutPrecision;
using layout::LayoutTrace;
using layout::PageRegions;
using layout::Region;
using layout::RegionMask;

/// float32 [3, height, width].
using Pixels = py::array_t<float, py::array::c_style | py::array::forcecast>;

/// Whether a page is to be read on. Looks for signals as often as a wait does, not at every step:
/// taking the GIL from a busy thread takes milliseconds.
class Interruption {
public:
  explicit Interruption(const Cancellable *cancel) : cancel_(cancel) {}

  bool goes_on() {
    if (cancel_ != nullptr && cancel_->is_over()) {
      return false;
    }
    const Clock::time_point now = Clock::now();
    if (now >= next_look_) {
      next_look_ = now + signal_interval;
      const py::gil_scoped_acquire gil;
      has_signal_ = has_signal_ || PyErr_CheckSignals() != 0;
    }
    return !has_signal_;
  }
  /// A signal handler raised; its exception is set.
  [[nodiscard]] bool has_signal() const { return has_signal_; }

private:
  using Clock = std::chrono::steady_clock;

  const Cancellable *cancel_;
  Clock::time_point next_look_; // at once
  bool has_signal_ = false;
};

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

void add_masks(py::dict &result, const std::vector<RegionMask> &masks) {
  py::list arrays;
  py::array_t<std::int64_t> places({static_cast<py::ssize_t>(masks.size()), py::ssize_t{2}});
  for (const RegionMask &mask : masks) {
    const auto i = static_cast<py::ssize_t>(arrays.size());
    places.mutable_at(i, 0) = mask.left;
    places.mutable_at(i, 1) = mask.top;
    py::array_t<std::uint8_t> array(std::vector<py::ssize_t>{mask.height, mask.width});
    std::memcpy(array.mutable_data(), mask.pixels.data(), mask.pixels.size());
    arrays.append(array);
  }
  result["masks"] = arrays;
  result["mask_places"] = places;
}

py::dict to_dict(const PageRegions &found, bool has_masks, const LayoutTrace *trace) {
  const auto n = static_cast<py::ssize_t>(found.regions.size());
  py::array_t<float> boxes({n, py::ssize_t{4}});
  py::array_t<float> scores(n);
  py::array_t<std::int64_t> labels(n);
  py::array_t<std::int64_t> order(n);
  py::array_t<std::int64_t> queries(n);
  for (py::ssize_t i = 0; i < n; ++i) {
    const Region &region = found.regions[static_cast<std::size_t>(i)];
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
  if (has_masks) {
    add_masks(result, found.masks);
  }
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

/// What `read` finds with these options, in turn with the engines.
template <class Read>
py::dict read_page(const LayoutModel &model, float threshold, std::optional<float> mask_threshold,
                   bool trace, const Cancellable *cancel, Read read) {
  LayoutTrace kept;
  const LayoutOptions options{
      threshold,
      mask_threshold.value_or(threshold),
      trace ? &kept : nullptr,
  };
  PageRegions found;
  Interruption interruption(cancel);
  try {
    const py::gil_scoped_release no_gil;
    LayoutTurns::Page turn(process_turns(), [&] { return interruption.goes_on(); });
    found = read(options, [&] { return turn.pause(); });
  } catch (const Error &) {
    if (interruption.has_signal()) {
      throw py::error_already_set();
    }
    throw;
  }
  return to_dict(found, model.config().has_masks, options.trace);
}

py::dict run(LayoutModel &model, const py::object &object, float threshold,
             std::optional<float> mask_threshold, bool trace, const Cancellable *cancel) {
  const RgbImage image = to_image(object);
  return read_page(model, threshold, mask_threshold, trace, cancel,
                   [&](const LayoutOptions &options, const std::function<bool()> &goes_on) {
                     return model.run({image.pixels.data(), image.width, image.height}, options,
                                      goes_on);
                   });
}

py::dict run_pixels(LayoutModel &model, const Pixels &pixels, float threshold,
                    std::optional<float> mask_threshold, bool trace, const Cancellable *cancel) {
  const std::vector<float> values(pixels.data(), pixels.data() + pixels.size());
  return read_page(model, threshold, mask_threshold, trace, cancel,
                   [&](const LayoutOptions &options, const std::function<bool()> &goes_on) {
                     return model.run_pixels(values, options, goes_on);
                   });
}

} // namespace

void register_layout(py::module_ &module) {
  py::class_<Cancellable>(module, "CancelToken", "Ends calls that it was given to.")
      .def(py::init<>())
      .def("cancel", &Cancellable::cancel, py::call_guard<py::gil_scoped_release>(),
           "From any thread; takes effect at the call's next step. Idempotent.");
  py::class_<LayoutModel>(module, "LayoutModel",
                          R"(A layout model in memory. Pages take turns, from any thread.

It also takes turns with the engines of this process, so that no more threads compute than one of
them has.)")
      .def(py::init([](const std::string &path, int n_threads, const std::string &precision) {
             const LayoutPrecision how = precision_of(precision);
             const py::gil_scoped_release no_gil; // loading takes a while
             return std::make_unique<LayoutModel>(path, n_threads, how);
           }),
           py::arg("path"), py::arg("n_threads") = 0, py::kw_only(), py::arg("precision") = "auto",
           R"(Args:
    path: The layout model's GGUF file.
    n_threads: Threads that compute; 0 takes the physical cores. At most the usable CPUs.
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
           py::arg("mask_threshold") = py::none(), py::arg("trace") = false,
           py::arg("cancel") = py::none(), R"(Finds a page's regions, before any filter.

Args:
    image: uint8 [height, width, 3], RGB, C-contiguous.
    threshold: Regions of a lower score are left out; 0 to 1.
    mask_threshold: A pixel is in a region's mask if its value, 0 to 1, is above this; None takes
        `threshold`, as transformers does.
    trace: Keep what is computed on the way.
    cancel: Ends the call.

Returns:
    In reading order "boxes": float32 [n, 4], x0, y0, x1, y1 in pixels of the image, which may
    reach out of it; "scores": float32 [n]; "labels": int64 [n], indices of `labels`; "order":
    int64 [n], ranks, equal ones for regions of the same query; "queries": int64 [n].

    If the model has masks, "masks": a list of n uint8 arrays [h, w] of 0 and 1, what the box, grown
    to whole pixels of the image, cuts out of a grid that covers the page (a quarter of the model's
    input, 200 x 200 for the official ones); one without pixels if the box is outside or has no
    area; "mask_places": int64 [n, 2], column and row of their first pixels in the grid.

    With trace "stages": float32 arrays by name; "step_seconds": names of steps and how long they
    took, in their order.

Raises:
    ImageError: The array is no such image.
    CancelledError: By `cancel`, or the model is closed.
    EngineError: Memory ran out, or another process loaded the model.)")
      .def("run_pixels", &run_pixels, py::arg("pixels"), py::kw_only(), py::arg("threshold") = 0.0F,
           py::arg("mask_threshold") = py::none(), py::arg("trace") = false,
           py::arg("cancel") = py::none(),
           R"(As run, from the model's own input.

Args:
    pixels: float32 [3, height, width] of the model's size, normalised. Boxes are in its pixels.
    threshold: As in run.
    mask_threshold: As in run.
    trace: As in run.
    cancel: As in run.

Returns:
    As run.

Raises:
    ImageError: The array has another size.
    CancelledError: As in run.
    EngineError: As in run.)")
      .def("close", &LayoutModel::close, py::call_guard<py::gil_scoped_release>(),
           "Ends what runs, with CancelledError, and frees the memory. Idempotent.");
}

} // namespace ppocrvl::binding
