// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/trace.h"
#include "text/prompt.h"
#include "text/sampling.h"
#include "vision/pixels.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace ppocrvl {

/// What becomes of token bytes that are no valid UTF-8.
enum class Utf8Policy {
  replace,   // each maximal broken part is one U+FFFD
  strict,    // the request fails
  constrain, // only tokens that go on with an open character may be chosen
};

struct Request {
  std::optional<RgbImage> image;
  std::string image_key; // equal for equal pictures, empty if unknown: what the caches go by
  std::vector<Message> messages; // the last one is what is asked now
  int max_tokens = 0;
  bool keep_location_tokens = false;
  bool trace = false; // keep what every stage computes
  int priority = 0;   // higher ones go first
  std::optional<std::chrono::steady_clock::time_point> deadline;
  Sampling sampling;
  std::vector<std::string> stop; // texts that end the answer and are not part of it
  Utf8Policy utf8 = Utf8Policy::replace;
  bool stop_loops = true;
  // What the answer will probably be, as text or as token ids; empty: what it said before alone.
  std::optional<std::variant<std::string, std::vector<std::int32_t>>> draft;
};

enum class FinishReason { stop, length, repetition, cancelled, deadline };

struct Timings {
  double queue = 0.0;  // seconds, like the next three: waiting for the encoder and for KV cells
  double encode = 0.0; // 0 for a cached picture
  double prefill = 0.0;
  double decode = 0.0;
  int image_tokens = 0;
  int prompt_tokens = 0; // image tokens included
  int reused_tokens = 0; // of them, whose part of the KV cache an earlier request had left
  int generated_tokens = 0;
  int drafted_tokens = 0;  // that were guessed and computed
  int accepted_tokens = 0; // of them, that were right
  bool cached_image = false;
};

struct Result {
  std::string text; // valid UTF-8
  FinishReason finish_reason = FinishReason::stop;
  std::vector<std::int32_t> token_ids; // without the token that ended generation
  std::vector<double> logprobs;        // natural logarithms, one a token
  std::vector<std::size_t> text_ends;  // bytes of `text` that were there after each token
  int repeated_tokens = 0;             // trimmed from the end, of a loop
  Timings timings;
  ImageGrid image_grid;
  std::optional<Trace> trace;
};

/// Image tokens, float32 [grid.tokens(), n_embd].
} // namespace ppocrvl
