// SPDX-License-Identifier: Apache-2.0
#include "binding/arrays.h"
#include "binding/register.h"
#include "binding/wait.h"
#include "core/engine.h"
#include "core/error.h"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <cstddef>
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

/// Joining the worker takes time, and the worker may want the GIL for a log line.
struct DeleteWithoutGil {
  void operator()(Engine *engine) const {
    const py::gil_scoped_release no_gil;
    std::default_delete<Engine>()(engine);
  }
};

const char *finish_reason_name(FinishReason reason) {
  switch (reason) {
  case FinishReason::stop:
    return "stop";
  case FinishReason::length:
    return "length";
  case FinishReason::cancelled:
    return "cancelled";
  }
  return "";
}

Request make_request(const py::object &image, std::string prompt, int max_tokens,
                     bool keep_location_tokens, bool trace) {
  std::optional<RgbImage> pixels;
  if (!image.is_none()) {
    pixels = to_image(image);
  }
  return {std::move(pixels), std::move(prompt), max_tokens, keep_location_tokens, trace};
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

void register_values(py::module_ &module) {
  py::class_<EngineOptions>(module, "EngineOptions", "What an engine is made from.")
      .def(py::init([](std::string llm, std::string mmproj, int n_threads, int gpu_layers,
                       bool use_mmap, const std::string &precision) {
             return EngineOptions{
                 std::move(llm), std::move(mmproj), n_threads,
                 gpu_layers,     use_mmap,          precision_named(precision),
             };
           }),
           py::kw_only(), py::arg("llm"), py::arg("mmproj"), py::arg("n_threads") = 0,
           py::arg("gpu_layers") = -1, py::arg("use_mmap") = true, py::arg("precision") = "auto",
           R"(Args:
    llm: Path of the language model's GGUF file.
    mmproj: Path of the vision encoder's GGUF file.
    n_threads: Threads that compute; 0 takes the usable physical cores, fewer for a small model.
    gpu_layers: Layers to put on the GPU; -1 takes all if there is a GPU, 0 none, encoder included.
    use_mmap: Map the language model instead of reading it into memory.
    precision: Number formats of the vision encoder. "auto": float32 attention and GELU, linear
        layers in the arithmetic of their weights' type; "exact": float32 throughout; "fast":
        keys, values and GELU in half precision.

Raises:
    OptionError: There is no such precision.)")
      .def_readonly("llm", &EngineOptions::llm)
      .def_readonly("mmproj", &EngineOptions::mmproj)
      .def_readonly("n_threads", &EngineOptions::n_threads)
      .def_readonly("gpu_layers", &EngineOptions::gpu_layers)
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

  py::class_<Request>(module, "Request", "What to generate.")
      .def(py::init(&make_request), py::kw_only(), py::arg("image").none(true), py::arg("prompt"),
           py::arg("max_tokens"), py::arg("keep_location_tokens") = false, py::arg("trace") = false,
           R"(Args:
    image: uint8 [height, width, 3], C-contiguous RGB at its exact target size (sides multiples of
        patch_size * merge_size), or None. Copied.
    prompt: The user's text; nothing in it is taken for a control token.
    max_tokens: Most tokens to generate, at least 1.
    keep_location_tokens: Keep `<|LOC_...|>` in the text.
    trace: Keep what every stage computes; needs an image.

Raises:
    ImageError: The image is no such array.)");

  py::class_<Timings>(module, "Timings", "Seconds and tokens of one request.")
      .def_readonly("encode", &Timings::encode, "Seconds.")
      .def_readonly("prefill", &Timings::prefill, "Seconds.")
      .def_readonly("decode", &Timings::decode, "Seconds.")
      .def_readonly("image_tokens", &Timings::image_tokens)
      .def_readonly("prompt_tokens", &Timings::prompt_tokens, "Image tokens included.")
      .def_readonly("generated_tokens", &Timings::generated_tokens);

  py::class_<Trace>(module, "Trace", "What each stage of a request computed, float32.")
      .def_property_readonly(
          "pixels", [](const Trace &trace) { return to_array(trace.pixels); },
          "[height, width, 3], as the encoder gets them.")
      .def_property_readonly(
          "patches", [](const Trace &trace) { return to_array(trace.patches); },
          "[n_patches, hidden], with their position embedding.")
      .def_property_readonly(
          "encoded", [](const Trace &trace) { return to_array(trace.encoded); },
          "[n_patches, hidden], after the encoder's last norm.")
      .def_property_readonly(
          "image_tokens", [](const Trace &trace) { return to_array(trace.image_tokens); },
          "[n_tokens, n_embd], the projector's output.")
      .def_property_readonly(
          "logits", [](const Trace &trace) { return to_array(trace.logits); },
          "[n_vocab], of the first token.");

  py::class_<Result>(module, "Result", "What was generated.")
      .def_readonly("text", &Result::text)
      .def_property_readonly(
          "finish_reason",
          [](const Result &result) { return finish_reason_name(result.finish_reason); })
      .def_readonly("token_ids", &Result::token_ids, "Without the token that ended generation.")
      .def_readonly("logprobs", &Result::logprobs, "Natural logarithms, one a token.")
      .def_readonly("timings", &Result::timings)
      .def_readonly("trace", &Result::trace, "Where the request asked for it.")
      .def_property_readonly("image_grid",
                             [](const Result &result) {
                               return std::pair(result.image_grid.rows, result.image_grid.cols);
                             })
      .def("__repr__", [](const Result &result) {
        return py::str("<ppocrvl._native.Result {} tokens, {}>")
            .format(result.token_ids.size(), finish_reason_name(result.finish_reason));
      });
}

} // namespace

void register_engine(py::module_ &module) {
  register_values(module);

  py::class_<Ticket, std::shared_ptr<Ticket>>(module, "Ticket", "A request on its way.")
      .def("next", &next_piece, R"(Waits for the next piece of text.

Returns:
    The piece, or None at the end.

Raises:
    PpocrvlError: What the request failed with.
    KeyboardInterrupt: Ctrl-C while waiting; the request is then cancelled and gone.)")
      .def("cancel", &Ticket::cancel,
           "Stops the request at its next step; its result then has `finish_reason` \"cancelled\".")
      .def(
          "result", [](Ticket &ticket) { return wait_for_value(ticket); },
          R"(Waits until the request is done.

Raises:
    PpocrvlError: What the request failed with.
    KeyboardInterrupt: Ctrl-C while waiting; the request is then cancelled and gone.)");

  py::class_<Engine, std::unique_ptr<Engine, DeleteWithoutGil>>(
      module, "Engine", "A loaded model with its one computing thread. Thread-safe.")
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
      .def("submit", &Engine::submit, py::arg("request"),
           py::call_guard<py::gil_scoped_release>(), // tokenising a long prompt takes time
           py::keep_alive<0, 1>(),                   // an unfinished ticket needs its engine
           R"(Queues a request.

Raises:
    OptionError: max_tokens is less than 1.
    ImageError: The image's sides do not fit the model.
    ContextError: Prompt and image fill the model's context.
    CancelledError: The engine is closed.)")
      .def(
          "embed",
          [](Engine &engine, const py::object &image) {
            const auto pending = engine.submit_embedding(to_image(image));
            return to_array(wait_for_value(*pending));
          },
          py::arg("image"), R"(Encodes a picture.

Args:
    image: As in Request.

Returns:
    float32 [tokens, n_embd], tokens row by row.

Raises:
    ImageError: The array is no image, or its sides do not fit the model.
    CancelledError: The engine is closed.)")
      .def(
          "prompt_tokens",
          [](const Engine &engine, const std::string &prompt, int rows, int cols) {
            return engine.prompt_tokens(prompt, {rows, cols});
          },
          py::arg("prompt"), py::arg("rows"), py::arg("cols"),
          "Token ids of a prompt as they are fed, the image as rows * cols equal ids.")
      .def("tokenize", &Engine::tokenize, py::arg("text"), py::call_guard<py::gil_scoped_release>(),
           "Token ids of any text, special tokens in it included: as the reference's tokenizer.")
      .def_property_readonly("info", &Engine::info, py::return_value_policy::reference_internal)
      .def_property_readonly("load_seconds", &Engine::load_seconds)
      .def("close", &Engine::close, py::call_guard<py::gil_scoped_release>(), // joins the worker
           "Frees the model. Unfinished requests fail with CancelledError. Idempotent.");
}

} // namespace ppocrvl::binding
