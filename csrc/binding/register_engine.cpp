// SPDX-License-Identifier: Apache-2.0
#include "binding/arrays.h"
#include "binding/event_queue.h"
#include "binding/messages.h"
#include "binding/register.h"
#include "binding/wait.h"
#include "engine/engine.h"
#include "engine/kernel_choice.h"
#include "support/error.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace py = pybind11;

namespace ppocrvl::binding {
namespace {

// In the order of VisionPrecision.
constexpr std::array precision_names{"fast", "auto", "exact"};

VisionPrecision precision_named(const std::string &name) {
  for (std::size_t i = 0; i < precision_names.size(); ++i) {
    if (name == precision_names.at(i)) {
      return static_cast<VisionPrecision>(i);
    }
  }
  throw Error(ErrorKind::option, "precision must be auto, exact or fast, not \"" + name + "\"");
}

/// Joining the threads takes time, and they may want the GIL for a log line.
struct DeleteWithoutGil {
  void operator()(Engine *engine) const {
    if (engine->is_inherited()) {
      return; // threads that are not here cannot be joined
    }
    const py::gil_scoped_release no_gil;
    std::default_delete<Engine>()(engine);
  }
};

/// Waits for space in the queue if asked to.
template <class Submit> auto submit_when_possible(Engine &engine, bool wait, Submit submit) {
  while (true) {
    try {
      const py::gil_scoped_release no_gil; // tokenising a long prompt takes time
      return submit();
    } catch (const Error &error) {
      if (error.kind() != ErrorKind::queue_full || !wait) {
        throw;
      }
    }
    if (PyErr_CheckSignals() != 0) {
      throw py::error_already_set();
    }
    const py::gil_scoped_release no_gil; // the wait is long
    engine.wait_for_queue_space(signal_interval);
  }
}

std::optional<std::string> next_piece(Ticket &ticket) {
  std::string piece;
  auto next = Ticket::Next::timeout;
  wait_with_signals(ticket, [&](std::chrono::milliseconds limit) {
    next = ticket.wait_piece(piece, limit);
    return next != Ticket::Next::timeout;
  });
  if (next == Ticket::Next::piece) {
    return piece;
  }
  ticket.value(); // throws what the request failed with
  return std::nullopt;
}

/// Pieces that are there already.
std::vector<std::string> take_pieces(Ticket &ticket) {
  std::vector<std::string> pieces;
  std::string piece;
  while (ticket.wait_piece(piece, std::chrono::milliseconds(0)) == Ticket::Next::piece) {
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

void register_values(py::module_ &module) {
  py::class_<EngineOptions>(module, "EngineOptions", "What an engine is made from.")
      .def(py::init([](std::string llm, std::string mmproj, int n_threads, std::string device,
                       std::string vision_device, std::string text_device, bool use_mmap,
                       const std::string &precision, std::string kernels, int n_parallel,
                       int kv_tokens, int encode_threads, int max_waiting, std::size_t cache_bytes,
                       bool deterministic) {
             return EngineOptions{
                 std::move(llm),
                 std::move(mmproj),
                 n_threads,
                 std::move(device),
                 std::move(vision_device),
                 std::move(text_device),
                 use_mmap,
                 precision_named(precision),
                 std::move(kernels),
                 n_parallel,
                 kv_tokens,
                 encode_threads,
                 max_waiting,
                 cache_bytes,
                 deterministic,
             };
           }),
           py::kw_only(), py::arg("llm"), py::arg("mmproj"), py::arg("n_threads") = 0,
           py::arg("device") = "auto", py::arg("vision_device") = "", py::arg("text_device") = "",
           py::arg("use_mmap") = true, py::arg("precision") = "auto", py::arg("kernels") = "auto",
           py::arg("n_parallel") = 1, py::arg("kv_tokens") = 0, py::arg("encode_threads") = 0,
           py::arg("max_waiting") = 256, py::arg("cache_bytes") = std::size_t{64} << 20,
           py::arg("deterministic") = false,
           R"(Args:
    llm: Path of the language model's GGUF file.
    mmproj: Path of the vision encoder's GGUF file.
    n_threads: Threads that compute; 0 takes the usable physical cores, fewer for a small model. At
        most the usable CPUs.
    device: What computes: "auto", "cpu", or a device by its name among `devices()`.
    vision_device: Likewise the vision encoder alone; "" for `device`.
    text_device: Likewise the language model alone.
    use_mmap: Map the language model instead of reading it into memory.
    precision: Number formats of the vision encoder. "auto": float32 attention and GELU, linear
        layers as precise as their weights' type; "exact": float32 throughout; "fast": some of them
        in int8, or keys, values and GELU in float16.
    kernels: What computes the vision encoder on a CPU, and the language model where several tokens
        meet: "ggml", or one of `vision_kernels()`; "auto" for the fastest for each of the
        two, of those with float32 operands if the precision or the one's own file is.
    n_parallel: Requests that decode together.
    kv_tokens: Most tokens in the cache, of all requests together; 0 for n_parallel usual requests.
    encode_threads: Threads for encoding alone, the others decode meanwhile; 0 to share all.
    max_waiting: Most requests that wait.
    cache_bytes: Most memory for image tokens of pictures that may come again.
    deterministic: The same answers whatever else runs, at a price in speed.

Raises:
    OptionError: There is no such precision or kernel.)")
      .def_readonly("llm", &EngineOptions::llm)
      .def_readonly("mmproj", &EngineOptions::mmproj)
      .def_readonly("n_threads", &EngineOptions::n_threads)
      .def_readonly("device", &EngineOptions::device)
      .def_readonly("vision_device", &EngineOptions::vision_device)
      .def_readonly("text_device", &EngineOptions::text_device)
      .def_readonly("use_mmap", &EngineOptions::use_mmap)
      .def_property_readonly("precision", [](const EngineOptions &options) {
        return precision_names.at(static_cast<std::size_t>(options.precision));
      });

  py::class_<ModelInfo>(module, "ModelInfo", "What the two files say about the model.")
      .def_readonly("architecture", &ModelInfo::architecture)
      .def_readonly("model_version", &ModelInfo::model_version, R"("1.0", "1.5" or "1.6".)")
      .def_readonly("n_vocab", &ModelInfo::n_vocab)
      .def_readonly("n_embd", &ModelInfo::n_embd)
      .def_readonly("n_layer", &ModelInfo::n_layer)
      .def_readonly("n_ctx_train", &ModelInfo::n_ctx_train, "Tokens.")
      .def_readonly("max_lines", &ModelInfo::max_lines,
                    "Of text in an image that it reads at once; 0 for no limit.")
      .def_property_readonly(
          "tasks", [](const ModelInfo &info) { return py::tuple(py::cast(info.tasks)); },
          "That it was trained for, by their names; empty: every one.")
      .def_readonly("patch_size", &ModelInfo::patch_size, "Pixels.")
      .def_readonly("merge_size", &ModelInfo::merge_size,
                    "Patches along each side of an image token.")
      .def_property_readonly(
          "image_mean", [](const ModelInfo &info) { return py::tuple(py::cast(info.image_mean)); })
      .def_property_readonly(
          "image_std", [](const ModelInfo &info) { return py::tuple(py::cast(info.image_std)); })
      .def_readonly("min_pixels", &ModelInfo::min_pixels)
      .def_readonly("max_pixels", &ModelInfo::max_pixels)
      .def_readonly("task_pixels", &ModelInfo::task_pixels, "Task to (min_pixels, max_pixels).")
      .def_readonly("llm_bytes", &ModelInfo::llm_bytes, "File size.")
      .def_readonly("mmproj_bytes", &ModelInfo::mmproj_bytes, "File size.");
}

} // namespace

void register_engine(py::module_ &module) {
  register_values(module);

  py::class_<EventQueue, std::shared_ptr<EventQueue>>(module, "EventQueue",
                                                      "Tells which tickets have changed.")
      .def(py::init<>())
      .def("wait", &EventQueue::wait, py::call_guard<py::gil_scoped_release>(), // may be long
           "Waits for changes; the ids, each once, or none once the queue is closed.")
      .def("close", &EventQueue::close, py::call_guard<py::gil_scoped_release>(),
           "Ends all waits.");

  py::class_<Ticket, std::shared_ptr<Ticket>>(module, "Ticket", "A request on its way.")
      .def("next", &next_piece, R"(Waits for the next piece of text.

Returns:
    The piece, or None at the end.

Raises:
    PpocrvlError: What the request failed with.
    KeyboardInterrupt: Ctrl-C while waiting; the request is then cancelled and gone.)")
      .def("cancel", &Ticket::cancel, py::call_guard<py::gil_scoped_release>(), // takes a lock
           "Stops the request at its next step; its result then has `finish_reason` \"cancelled\".")
      .def(
          "done", [](Ticket &ticket) { return ticket.wait_done(std::chrono::milliseconds(0)); },
          "Whether `result` would return or raise at once.")
      .def("take_pieces", &take_pieces, "The pieces of text that are there and were not taken.")
      .def(
          "listen",
          [](Ticket &ticket, const std::shared_ptr<EventQueue> &events, std::uint64_t id) {
            const auto source = std::make_shared<EventQueue::Source>(id);
            ticket.listen([events, source] { events->push(source); });
          },
          py::arg("events"), py::arg("id"), py::call_guard<py::gil_scoped_release>(),
          "Puts `id` into the queue now and after every change: a piece of text, the end.")
      .def(
          "result", [](Ticket &ticket) { return wait_for_value(ticket); },
          R"(Waits until the request is done.

Raises:
    PpocrvlError: What the request failed with.
    KeyboardInterrupt: Ctrl-C while waiting; the request is then cancelled and gone.)");

  py::class_<Engine, std::unique_ptr<Engine, DeleteWithoutGil>>(
      module, "Engine", "A loaded model with its threads. Thread-safe.")
      .def(py::init([](const EngineOptions &options) {
             const py::gil_scoped_release no_gil; // loading takes seconds
             return std::make_unique<Engine>(options).release();
           }),
           py::arg("options"), R"(Args:
    options: The two files, and how to run them.

Raises:
    ModelFormatError: A file is damaged or no such model.
    ModelMismatchError: The files are swapped or do not fit each other.
    EngineError: The native library failed.)")
      .def(
          "submit",
          [](Engine &engine, const Request &request, bool wait) {
            Request copy = request;
            return submit_when_possible(engine, wait,
                                        [&] { return engine.submit(std::move(copy)); });
          },
          py::arg("request"), py::arg("wait") = true,
          py::keep_alive<0, 1>(), // an unfinished ticket needs its engine
          R"(Queues a request.

Args:
    request: What to generate.
    wait: Wait while too many requests wait already, instead of raising.

Raises:
    QueueFullError: Too many requests wait, and `wait` is false.
    OptionError: max_tokens is less than 1, or the sampling cannot work.
    ImageError: The image's sides do not fit the model.
    ContextError: Prompt and image fill the model's context.
    CancelledError: The engine is closed.)")
      .def(
          "embed",
          [](Engine &engine, const py::object &image, const py::bytes &image_key) {
            RgbImage copy = to_image(image);
            const std::string key(image_key);
            const auto pending = submit_when_possible(
                engine, true, [&] { return engine.submit_embedding(std::move(copy), key); });
            return to_array(*wait_for_value(*pending));
          },
          py::arg("image"), py::arg("image_key") = py::bytes(), R"(Encodes a picture.

Args:
    image: As in Request.
    image_key: As in Request.

Returns:
    float32 [tokens, n_embd], tokens row by row.

Raises:
    ImageError: The array is no image, or its sides do not fit the model.
    CancelledError: The engine is closed.)")
      .def(
          "prompt_tokens",
          [](const Engine &engine, const Prompt &prompt, int rows, int cols) {
            return engine.prompt_tokens(to_messages(prompt), {rows, cols});
          },
          py::arg("prompt"), py::arg("rows"), py::arg("cols"),
          "Token ids of a prompt as they are fed, the image as rows * cols equal ids.")
      .def("tokenize", &Engine::tokenize, py::arg("text"), py::call_guard<py::gil_scoped_release>(),
           "Token ids of any text, special tokens in it included: as the reference's tokenizer.")
      .def_property_readonly("info", &Engine::info, py::return_value_policy::reference_internal)
      .def_property_readonly(
          "kernels",
          [](const Engine &engine) {
            return std::map<std::string, std::string>{
                {"vision", kernels_name(engine.placement().vision.kernels)},
                {"decoder", kernels_name(engine.placement().text.kernels)},
            };
          },
          R"(The kernels of "vision" and of "decoder"; "ggml" on a GPU as well.)")
      .def_property_readonly(
          "devices",
          [](const Engine &engine) {
            return std::map<std::string, std::string>{
                {"vision", engine.placement().vision.device},
                {"text", engine.placement().text.device},
                {"kv_cache", engine.placement().kv_device()},
            };
          },
          R"(Names of the devices that compute "vision" and "text" and hold the "kv_cache".)")
      .def_property_readonly("notes", &Engine::notes,
                             "What differs from what was asked for, a line each.")
      .def_property_readonly("load_seconds", &Engine::load_seconds)
      .def(
          "close", &Engine::close, py::call_guard<py::gil_scoped_release>(), // joins the threads
          "Frees the model. Unfinished requests fail with CancelledError. Idempotent; nothing in a "
          "forked child.");
}

} // namespace ppocrvl::binding
