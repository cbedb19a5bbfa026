// SPDX-License-Identifier: Apache-2.0
#include "check.h"
#include "core/core_turns.h"

#include <atomic>
#include <chrono>
#include <thread>

using namespace std::chrono_literals;
using ppocrvl::CoreTurns;

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
  const auto share_of_encoder = [](bool encoder_first) {
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
        const CoreTurns::Decoding turn(turns, encoder_first);
        work(decoded, 10ms);
      }
      stop = true;
    });
    encoder.join();
    decoder.join();
    return encoded.count() / decoded.count();
  };
  CHECK(share_of_encoder(true) > 2.0 * share_of_encoder(false));
}
