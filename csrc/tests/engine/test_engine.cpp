// SPDX-License-Identifier: Apache-2.0
#include "schedule/layout_turns.h"
#include "tests/check.h"
#include "tests/engine_cases.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

using ppocrvl::Engine;
using ppocrvl::ErrorKind;
using ppocrvl::FinishReason;
using ppocrvl::LayoutTurns;
using ppocrvl::process_turns;
using ppocrvl::Ticket;
using ppocrvl::test::endless;
using ppocrvl::test::noise;
using ppocrvl::test::question;
using ppocrvl::test::test_model;
using ppocrvl::test::wait;

TEST_CASE("engine: the same question has the same answer, whatever ran before") {
  const auto options = test_model();
  if (!options) {
    return;
  }
  Engine engine(*options);
  const auto first = wait(*engine.submit(question(8)));
  wait(*engine.submit(endless(400, "something else")));
  const auto embeddings = wait(*engine.submit_embedding(noise(84, 56), ""));
  CHECK_EQUAL(embeddings->grid.tokens(), 6);
  CHECK_EQUAL(embeddings->values.size(), 6U * static_cast<std::size_t>(engine.info().n_embd));
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
    const auto running = engine.submit(endless(4000));
    const auto waiting = engine.submit(endless(4000));
    std::this_thread::sleep_for(std::chrono::milliseconds(round));
    waiting->cancel();
    running->cancel();
    CHECK(wait(*waiting).finish_reason == FinishReason::cancelled);
    CHECK(wait(*running).finish_reason == FinishReason::cancelled);
  }
}

TEST_CASE("engine: closing fails what is unfinished") {
  const auto options = test_model();
  if (!options) {
    return;
  }
  auto engine = std::make_unique<Engine>(*options);
  const auto waiting = [&] {
    engine->submit(endless(4000));
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
  CHECK_THROWS_KIND(ErrorKind::image, engine.submit(question(1, 30, 28)));
  CHECK_THROWS_KIND(ErrorKind::context, engine.submit(endless(1, std::string(1'000'000, 'x'))));
}

TEST_CASE("engine: it computes in the pauses of a page's layout alone") {
  auto options = test_model();
  if (!options) {
    return;
  }
  options->device = "cpu";
  Engine engine(*options);
  const std::function<bool()> always;
  LayoutTurns::Page page(process_turns(), always); // as a layout model's page has it
  const auto ticket = engine.submit(question(3));
  while (!process_turns().is_engine_waiting()) {
    std::this_thread::yield();
  }
  std::string piece;
  CHECK(ticket->wait_piece(piece, std::chrono::milliseconds(0)) == Ticket::Next::timeout);
  int pauses = 0;
  while (!ticket->wait_done(std::chrono::milliseconds(0))) {
    CHECK(page.pause());
    ++pauses;
  }
  CHECK(pauses > 0);
  CHECK(!ticket->value().token_ids.empty());
}

TEST_CASE("engine: a missing file is a model error") {
  ppocrvl::EngineOptions options;
  options.llm = "/no/such.gguf";
  options.mmproj = "/no/mmproj.gguf";
  CHECK_THROWS_KIND(ErrorKind::model_format, Engine(options));
}
