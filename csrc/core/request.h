// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/pixels.h"
#include "core/trace.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ppocrvl {

struct Request {
  std::optional<RgbImage> image;
  std::string prompt;
  int max_tokens = 0;
  bool keep_location_tokens = false;
  bool trace = false; // keep what every stage computes
};

enum class FinishReason { stop, length, cancelled };

struct Timings {
  double encode = 0.0; // seconds, like the next two
  double prefill = 0.0;
  double decode = 0.0;
  int image_tokens = 0;
  int prompt_tokens = 0; // image tokens included
  int generated_tokens = 0;
};

struct Result {
  std::string text; // valid UTF-8
  FinishReason finish_reason = FinishReason::stop;
  std::vector<std::int32_t> token_ids; // without the token that ended generation
  std::vector<double> logprobs;        // natural logarithms, one a token
  Timings timings;
  ImageGrid image_grid;
  std::optional<Trace> trace;
};

} // namespace ppocrvl
