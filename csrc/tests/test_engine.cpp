// SPDX-License-Identifier: Apache-2.0
#include "check.h"
#include "core/engine.h"
#include "core/logging.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <random>
#include <string>
#include <thread>

// These cases need a model: PPOCRVL_TEST_MODEL names a folder with one mmproj-*.gguf and one other
// *.gguf. Without it they say so and pass.

using namespace std::chrono_literals;
using ppocrvl::Engine;
using ppocrvl::EngineOptions;
using ppocrvl::ErrorKind;
using ppocrvl::FinishReason;
using ppocrvl::Request;
using ppocrvl::RgbImage;

namespace {

std::optional<EngineOptions> test_model() {
  const char *folder = std::getenv("PPOCRVL_TEST_MODEL");
  if (folder == nullptr) {
    std::cerr << "PPOCRVL_TEST_MODEL is not set: skipped\n";
    return std::nullopt;
  }
  EngineOptions options;
  for (const auto &entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".gguf") {
      const bool is_mmproj = entry.path().filename().string().rfind("mmproj-", 0) == 0;
      (is_mmproj ? options.mmproj : options.llm) = entry.path().string();
    }
  }
  ppocrvl::route_native_logs();
  return options;
}

RgbImage noise(int width, int height) {
  std::mt19937 random(7);
  RgbImage image{width, height, {}};
  image.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  for (auto &byte : image.pixels) {
    byte = static_cast<std::uint8_t>(random());
  }
  return image;
}

Request question(int max_tokens) { return {noise(84, 56), "OCR:", max_tokens, false}; }

template <class Value> const Value &wait(ppocrvl::Pending<Value> &pending) {
  while (!pending.wait_done(100ms)) {
  }
  return pending.value();
}

} // namespace

TEST_CASE("engine: the same question has the same answer, whatever ran before") {
  const auto options = test_model();
  if (!options) {
    return;
  }
  Engine engine(*options);
  const auto first = wait(*engine.submit(question(8)));
  wait(*engine.submit({std::nullopt, "something else", 400, false}));
  const auto embeddings = wait(*engine.submit_embedding(noise(84, 56)));
  CHECK_EQUAL(embeddings.grid.tokens(), 6);
  CHECK_EQUAL(embeddings.values.size(), 6U * static_cast<std::size_t>(engine.info().n_embd));
  const auto again = wait(*engine.submit(question(8)));
  CHECK(again.token_ids == first.token_ids);
  CHECK_EQUAL(again.text, first.text);
  CHECK_EQUAL(first.timings.image_tokens, 6);
}

TEST_CASE("engine: cancelling from another thread ends waiting and running requests") {
  const auto options = test_model();
  if (!options) {
    return;
  }
  Engine engine(*options);
  for (int round = 0; round < 20; ++round) {
    const auto running = engine.submit(question(1000));
    const auto waiting = engine.submit(question(1000));
    std::this_thread::sleep_for(std::chrono::milliseconds(round));
    waiting->cancel();
    running->cancel();
    // A model that stops by itself may have been faster, with either of them.
    CHECK(wait(*waiting).finish_reason != FinishReason::length);
    CHECK(wait(*running).finish_reason != FinishReason::length);
  }
}

TEST_CASE("engine: closing fails what is unfinished") {
  const auto options = test_model();
  if (!options) {
    return;
  }
  auto engine = std::make_unique<Engine>(*options);
  const auto waiting = [&] {
    engine->submit(question(1000));
    return engine->submit(question(1000));
  }();
  std::thread other([&] { engine->close(); });
  engine->close();
  other.join();
  CHECK_THROWS_KIND(ErrorKind::cancelled, wait(*waiting));
  CHECK_THROWS_KIND(ErrorKind::cancelled, engine->submit(question(1)));
  Engine::close_all();
  engine.reset();
  Engine::close_all();
}

TEST_CASE("engine: impossible requests are refused at once") {
  const auto options = test_model();
  if (!options) {
    return;
  }
  Engine engine(*options);
  CHECK_THROWS_KIND(ErrorKind::option, engine.submit(question(0)));
  CHECK_THROWS_KIND(ErrorKind::image, engine.submit({noise(30, 28), "OCR:", 1, false}));
  CHECK_THROWS_KIND(ErrorKind::context,
                    engine.submit({std::nullopt, std::string(1'000'000, 'x'), 1, false}));
}

TEST_CASE("engine: a missing file is a model error") {
  CHECK_THROWS_KIND(ErrorKind::model_format, Engine({"/no/such.gguf", "/no/mmproj.gguf"}));
}
