// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/engine.h"
#include "files/gguf_file.h"
#include "files/model_check.h"
#include "support/logging.h"

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <random>
#include <string>

// What the engine's cases share. They need a model: PPOCRVL_TEST_MODEL names a folder with one
// mmproj-*.gguf and one other *.gguf. Without it they say so and pass.

namespace ppocrvl::test {

constexpr std::int32_t end_of_answer = 2; // </s>

inline std::optional<EngineOptions> test_model() {
  const char *folder = std::getenv("PPOCRVL_TEST_MODEL");
  if (folder == nullptr) {
    std::cerr << "PPOCRVL_TEST_MODEL is not set: skipped\n";
    return std::nullopt;
  }
  EngineOptions options;
  for (const auto &entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".gguf") {
      continue;
    }
    const std::string path = entry.path().string();
    const ModelRole role = model_role(read_gguf(path));
    if (role == ModelRole::llm) {
      options.llm = path;
    } else if (role == ModelRole::mmproj) {
      options.mmproj = path;
    }
  }
  ppocrvl::route_native_logs();
  return options;
}

inline RgbImage noise(int width, int height) {
  std::mt19937 random(7);
  RgbImage image{width, height, {}};
  image.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  for (auto &byte : image.pixels) {
    byte = static_cast<std::uint8_t>(random());
  }
  return image;
}

inline Request question(int max_tokens, int width = 84, int height = 56) {
  Request request;
  request.image = noise(width, height);
  request.messages = {{Role::user, "OCR:"}};
  request.max_tokens = max_tokens;
  request.stop_loops = false; // noise may be read as anything
  return request;
}

/// Nothing but text; the end of the answer is biased away, so that it takes all its tokens.
inline Request endless(int max_tokens, const std::string &prompt = "OCR:") {
  Request request;
  request.messages = {{Role::user, prompt}};
  request.max_tokens = max_tokens;
  request.stop_loops = false;
  request.sampling.logit_bias = {{end_of_answer, -1e9F}};
  return request;
}

template <class Value> const Value &wait(ppocrvl::Pending<Value> &pending) {
  while (!pending.wait_done(std::chrono::milliseconds(100))) {
  }
  return pending.value();
}

} // namespace ppocrvl::test
