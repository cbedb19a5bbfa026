// SPDX-License-Identifier: Apache-2.0
#include "schedule/core_turns.h"
#include "tests/check.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <thread>
#include <utility>

using namespace std::chrono_literals;
using ppocrvl::CoreTurns;
using Share = CoreTurns::Share;

TEST_CASE("core turns: never both, and both get on") {
  CoreTurns turns;
  std::atomic<int> inside{0};
  std::atomic<bool> both{false};
  std::atomic<bool> stop{false};
  int steps = 0;
  int slices = 0;
  const auto work = [&] {
    both = both || inside.fetch_add(1) != 0;
    std::this_thread::sleep_for(1ms);
    inside.fetch_sub(1);
  };
  std::thread encoder([&] {
    while (!stop) {
      const CoreTurns::Encoding turn(turns);
      for (int i = 0; i < 20 && !stop; ++i) {
        work();
        turns.pause();
        ++slices;
      }
    }
  });
  std::thread decoder([&] {
    while (!stop) {
      const CoreTurns::Decoding turn(turns);
      work();
      ++steps;
    }
  });
  std::this_thread::sleep_for(300ms);
  stop = true;
  encoder.join();
  decoder.join();
  CHECK(!both);
  // Each has had its share: the encoder as much time as the steps took.
  CHECK(steps > 10);
  CHECK(slices > 10);
}

TEST_CASE("core turns: one alone waits for nobody") {
  CoreTurns turns;
  for (int i = 0; i < 3; ++i) {
    const CoreTurns::Decoding turn(turns);
  }
  for (int i = 0; i < 3; ++i) {
    const CoreTurns::Encoding turn(turns);
    turns.pause();
  }
  const CoreTurns::Decoding turn(turns);
}

TEST_CASE("core turns: the encoder has more time where it is asked for") {
  const auto share_of_encoder = [](Share share) {
    CoreTurns turns;
    std::atomic<bool> stop{false};
    std::chrono::duration<double> encoded{0};
    std::chrono::duration<double> decoded{0};
    const auto work = [](auto &total, auto time) {
      const auto begin = CoreTurns::Clock::now();
      std::this_thread::sleep_for(time);
      total += CoreTurns::Clock::now() - begin;
    };
    std::thread encoder([&] {
      const CoreTurns::Encoding turn(turns);
      while (!stop) {
        work(encoded, 1ms);
        turns.pause();
      }
    });
    std::thread decoder([&] {
      for (int step = 0; step < 20; ++step) {
        const CoreTurns::Decoding turn(turns, share);
        work(decoded, 10ms);
      }
      stop = true;
    });
    encoder.join();
    decoder.join();
    return encoded.count() / decoded.count();
  };
  CHECK(share_of_encoder(Share::encoder_first) > 2.0 * share_of_encoder(Share::equal));
}

namespace {

/// How long a step that follows another at once waits for an encoder that works for `encoding`, a
/// millisecond at a time.
CoreTurns::Clock::duration wait_for(
    std::chrono::milliseconds encoding, Share share,
    std::function<bool()> is_urgent = [] { return false; }) {
  CoreTurns turns;
  std::atomic<bool> encodes{false};
  std::atomic<bool> stop{false};
  std::optional<CoreTurns::Decoding> step(turns);
  std::thread encoder([&] {
    encodes = true;
    const CoreTurns::Encoding turn(turns);
    const auto end = CoreTurns::Clock::now() + encoding;
    while (!stop && CoreTurns::Clock::now() < end) {
      std::this_thread::sleep_for(1ms);
      turns.pause();
    }
  });
  while (!encodes) {
    std::this_thread::yield();
  }
  std::this_thread::sleep_for(20ms); // until it waits
  step.reset();
  const auto begin = CoreTurns::Clock::now();
  step.emplace(turns, share, std::move(is_urgent));
  const auto waited = CoreTurns::Clock::now() - begin;
  stop = true;
  step.reset();
  encoder.join();
  return waited;
}

} // namespace

TEST_CASE("core turns: a picture is encoded to its end, or for a while, where that is asked for") {
  CHECK(wait_for(300ms, Share::whole_picture) >= 290ms);
  CHECK(wait_for(60s, Share::whole_picture) >= CoreTurns::most_at_first - 10ms);
  CHECK(wait_for(60s, Share::whole_picture) < 30s);
  CHECK(wait_for(60s, Share::encoder_first) < CoreTurns::most_at_first / 2);
}

TEST_CASE("core turns: what is urgent waits for no share") {
  CHECK(wait_for(60s, Share::whole_picture, [] { return true; }) < CoreTurns::most_at_first / 2);
}
