// SPDX-License-Identifier: Apache-2.0
#include "binding/register.h"
#include "engine/engine.h"
#include "engine/system_info.h"
#include "ggml/decoder_threads.h"
#include "ggml/devices.h"
#include "support/logging.h"

#include <pybind11/functional.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace py = pybind11;

namespace ppocrvl::binding {
namespace {

/// The sink may be copied and dropped on any thread, with the GIL or without.
LogSink python_sink(py::function callback) {
  const std::shared_ptr<py::function> shared(new py::function(std::move(callback)),
                                             [](py::function *owned) {
                                               const py::gil_scoped_acquire gil;
                                               std::default_delete<py::function>()(owned);
                                             });
  return [shared](LogLevel level, const std::string &line) {
    const py::gil_scoped_acquire gil;
    bool interrupted = false;
    try {
      // Upstream prints strings out of model files, so a line may be no valid UTF-8.
      const auto text = py::reinterpret_steal<py::object>(
          PyUnicode_DecodeUTF8(line.data(), static_cast<py::ssize_t>(line.size()), "replace"));
      (*shared)(static_cast<int>(level), text);
    } catch (py::error_already_set &error) {
      interrupted = error.matches(PyExc_KeyboardInterrupt);
      if (!interrupted) {
        error.discard_as_unraisable(
            "ppocrvl._native: log callback"); // native frames are no place for it
      }
    }
    if (interrupted) {
      // Ctrl-C must not be lost: it is asked for again, and comes up when the main thread is back
      // in Python. Only here, where the first one is freed: code that runs then would swallow it.
      PyErr_SetInterrupt();
    }
  };
}

void set_log_callback(std::optional<py::function> callback) {
  set_log_sink(callback ? python_sink(std::move(*callback)) : LogSink{});
}

void shut_down() {
  {
    const py::gil_scoped_release no_gil; // a worker may be waiting for it in the log callback
    Engine::close_all();
  }
  set_log_sink({}); // nothing may call into an interpreter that is gone
}

} // namespace

void register_system(py::module_ &module) {
  route_native_logs();
  join_accelerators();
  py::module_::import("atexit").attr("register")(py::cpp_function(&shut_down));

  py::class_<BuildInfo>(module, "BuildInfo", "How the extension was built.")
      .def_readonly("version", &BuildInfo::version)
      .def_readonly("llama_commit", &BuildInfo::llama_commit)
      .def_readonly("compiler", &BuildInfo::compiler)
      .def_readonly("build_type", &BuildInfo::build_type)
      .def_readonly("options", &BuildInfo::options);

  py::class_<Device>(module, "Device", "A device that can compute.")
      .def_readonly("name", &Device::name)
      .def_readonly("description", &Device::description)
      .def_readonly("kind", &Device::kind, R"("cpu", "gpu", "igpu" or "accelerator".)")
      .def_readonly("memory_total", &Device::memory_total, "Bytes.")
      .def_readonly("memory_free", &Device::memory_free, "Bytes.");

  module.def("build_info", &build_info, "Tells how the extension was built.");
  module.def("devices", &list_devices, py::call_guard<py::gil_scoped_release>(),
             "Lists the devices of all backends that are compiled in; may start GPU drivers.");
  module.def("cpu_features", &cpu_features,
             "Names the instruction sets that the CPU backend was compiled for.");
  module.def("vision_kernels", &vision_kernels,
             "Names the kernels of the vision encoder that this CPU can run, the fastest first.");
  module.def("set_log_callback", &set_log_callback, py::arg("callback"),
             R"(Sends what the native libraries log to `callback(level, line)`.

Args:
    callback: Gets the level as in `logging` (10 to 40) and one line, on any thread; what it raises
        is reported as unraisable. `None` discards, which is also the state after import.)");
}

} // namespace ppocrvl::binding
