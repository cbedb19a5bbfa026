// SPDX-License-Identifier: Apache-2.0
//
// What goes into a request, and what comes out of it.
#include "binding/arrays.h"
#include "binding/messages.h"
#include "binding/register.h"
#include "schedule/request.h"
#include "support/error.h"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace py = pybind11;

namespace ppocrvl::binding {
namespace {

// In the order of FinishReason and Utf8Policy.
constexpr std::array finish_reasons{"stop", "length", "repetition", "cancelled", "deadline"};
constexpr std::array utf8_policies{"replace", "strict", "constrain"};

const char *name_of(FinishReason reason) {
  return finish_reasons.at(static_cast<std::size_t>(reason));
}

Utf8Policy policy_named(const std::string &name) {
  for (std::size_t i = 0; i < utf8_policies.size(); ++i) {
    if (name == utf8_policies.at(i)) {
      return static_cast<Utf8Policy>(i);
    }
  }
  throw Error(ErrorKind::option, "utf8 must be replace, strict or constrain, not \"" + name + "\"");
}

std::chrono::steady_clock::time_point in_seconds(double seconds) {
  constexpr double longest = 1e9; // some 30 years, and no overflow
  if (!(seconds >= 0.0)) {
    throw Error(ErrorKind::option, "a deadline must be at least 0 seconds away");
  }
  return std::chrono::steady_clock::now() +
         std::chrono::duration_cast<std::chrono::steady_clock::duration>(
             std::chrono::duration<double>(std::min(seconds, longest)));
}

Request make_request(const py::object &image, const py::bytes &image_key, const Prompt &prompt,
                     int max_tokens, bool keep_location_tokens, bool trace, int priority,
                     std::optional<double> seconds, std::optional<Sampling> sampling,
                     std::vector<std::string> stop, const std::string &utf8, bool stop_loops,
                     decltype(Request::draft) draft) {
  Request request;
  if (!image.is_none()) {
    request.image = to_image(image);
  }
  request.image_key = static_cast<std::string>(image_key);
  request.messages = to_messages(prompt);
  request.max_tokens = max_tokens;
  request.keep_location_tokens = keep_location_tokens;
  request.trace = trace;
  request.priority = priority;
  if (seconds) {
    request.deadline = in_seconds(*seconds);
  }
  request.sampling = std::move(sampling).value_or(Sampling());
  request.stop = std::move(stop);
  request.utf8 = policy_named(utf8);
  request.stop_loops = stop_loops;
  request.draft = std::move(draft);
  return request;
}

Sampling make_sampling(float temperature, int top_k, float top_p, float min_p,
                       float repetition_penalty, std::uint32_t seed,
                       std::vector<std::pair<std::int32_t, float>> logit_bias,
                       std::string grammar) {
  return {
      temperature,        top_k, top_p, min_p, repetition_penalty, seed, std::move(logit_bias),
      std::move(grammar),
  };
}

} // namespace

void register_request(py::module_ &module) {
  py::class_<Sampling>(module, "Sampling", "How the next token is chosen.")
      .def(py::init(&make_sampling), py::kw_only(), py::arg("temperature") = 0.0F,
           py::arg("top_k") = 0, py::arg("top_p") = 1.0F, py::arg("min_p") = 0.0F,
           py::arg("repetition_penalty") = 1.0F, py::arg("seed") = 0,
           py::arg("logit_bias") = std::vector<std::pair<std::int32_t, float>>(),
           py::arg("grammar") = "", R"(Args:
    temperature: 0 takes the most likely token.
    top_k: Only the k most likely tokens; 0 for all.
    top_p: Only the most likely tokens that have this probability together.
    min_p: Only tokens with this share of the most likely one's probability.
    repetition_penalty: Divides the logits of the answer's last 256 tokens; 1 for none.
    seed: Of the random numbers.
    logit_bias: (token, value to add to its logit).
    grammar: GBNF with a rule `root`; empty for none.)");

  py::class_<Request>(module, "Request", "What to generate.")
      .def(py::init(&make_request), py::kw_only(), py::arg("image").none(true),
           py::arg("image_key") = py::bytes(), py::arg("prompt"), py::arg("max_tokens"),
           py::arg("keep_location_tokens") = false, py::arg("trace") = false,
           py::arg("priority") = 0, py::arg("seconds") = py::none(),
           py::arg("sampling") = py::none(), py::arg("stop") = std::vector<std::string>(),
           py::arg("utf8") = "replace", py::arg("stop_loops") = true, py::arg("draft") = py::none(),
           R"(Args:
    image: uint8 [height, width, 3], C-contiguous RGB at its exact target size (sides multiples of
        patch_size * merge_size), or None. Copied.
    image_key: Equal for equal images, for the cache of encoded ones; empty for none.
    prompt: The user's text, or the turns of a conversation as ("user", "assistant" or "system",
        text), of which the last is the user's; the image belongs to the first of the user's.
        Nothing in a text is taken for a control token.
    max_tokens: Most tokens to generate, at least 1.
    keep_location_tokens: Keep `<|LOC_...|>` in the text.
    trace: Keep what every stage computes; needs an image.
    priority: Requests of a higher one go first.
    seconds: The answer ends after so long, counted from here; None for no limit.
    sampling: How tokens are chosen; None takes the most likely one.
    stop: Texts that end the answer and are not part of it.
    utf8: What becomes of bytes that are no UTF-8: "replace", "strict" or "constrain".
    stop_loops: End an answer that goes round in a circle.
    draft: What the answer will probably be, as text or token ids: the same answer comes faster.
        Empty: it is guessed from what it said before. None: nothing is guessed.

Raises:
    ImageError: The image is no such array.
    OptionError: There is no such policy or role, or the time is no number from 0.)");

  py::class_<Timings>(module, "Timings", "Seconds and tokens of one request.")
      .def_readonly("queue", &Timings::queue,
                    "Seconds of waiting for the encoder and for KV cells.")
      .def_readonly("encode", &Timings::encode, "Seconds.")
      .def_readonly("prefill", &Timings::prefill, "Seconds.")
      .def_readonly("decode", &Timings::decode, "Seconds.")
      .def_readonly("image_tokens", &Timings::image_tokens)
      .def_readonly("prompt_tokens", &Timings::prompt_tokens, "Image tokens included.")
      .def_readonly("reused_tokens", &Timings::reused_tokens,
                    "Of the prompt, whose part of the KV cache an earlier request had left.")
      .def_readonly("generated_tokens", &Timings::generated_tokens)
      .def_readonly("drafted_tokens", &Timings::drafted_tokens,
                    "Tokens that were guessed and computed.")
      .def_readonly("accepted_tokens", &Timings::accepted_tokens, "Of them, that were right.")
      .def_readonly("cached_image", &Timings::cached_image,
                    "Whether the image was encoded before.");

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
          "[n_vocab], of the first token.")
      .def_readonly("operation_seconds", &Trace::operation_seconds,
                    "How long the vision graph's operations took, by kind and weight.");

  py::class_<Result>(module, "Result", "What was generated.")
      .def_readonly("text", &Result::text)
      .def_property_readonly("finish_reason",
                             [](const Result &result) { return name_of(result.finish_reason); })
      .def_readonly("token_ids", &Result::token_ids, "Without the token that ended generation.")
      .def_readonly("logprobs", &Result::logprobs, "Natural logarithms, one a token.")
      .def_readonly("text_ends", &Result::text_ends,
                    "Bytes of the text in UTF-8 that were there after each token.")
      .def_readonly("repeated_tokens", &Result::repeated_tokens,
                    "Trimmed from the end of an answer that went round in a circle.")
      .def_readonly("timings", &Result::timings)
      .def_readonly("trace", &Result::trace, "Where the request asked for it.")
      .def_property_readonly("image_grid",
                             [](const Result &result) {
                               return std::pair(result.image_grid.rows, result.image_grid.cols);
                             })
      .def("__repr__", [](const Result &result) {
        return py::str("<ppocrvl._native.Result {} tokens, {}>")
            .format(result.token_ids.size(), name_of(result.finish_reason));
      });
}

} // namespace ppocrvl::binding
