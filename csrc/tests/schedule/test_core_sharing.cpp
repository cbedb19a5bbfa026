// SPDX-License-Identifier: Apache-2.0
#include "schedule/core_sharing.h"
#include "tests/check.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <thread>
#include <utility>

using namespace std::chrono_literals;
using ppocrvl::CoreSharing;
using Share = CoreSharing::Share;

TEST_CASE("core sharing: never both, and both get on") {
  CoreSharing sharing;
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
      const CoreSharing::Encoding cores(sharing);
      for (int i = 0; i < 20 && !stop; ++i) {
        work();
        sharing.pause();
        ++slices;
      }
    }
  });
  std::thread decoder([&] {
    while (!stop) {
      const CoreSharing::Decoding cores(sharing);
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

TEST_CASE("core sharing: one alone waits for nobody") {
  CoreSharing sharing;
  for (int i = 0; i < 3; ++i) {
    const CoreSharing::Decoding cores(sharing);
  }
  for (int i = 0; i < 3; ++i) {
    const CoreSharing::Encoding cores(sharing);
    sharing.pause();
  }
  const CoreSharing::Decoding cores(sharing);
}

TEST_CASE("core sharing: the encoder has more time where it is asked for") {
  const auto share_of_encoder = [](Share share) {
    CoreSharing sharing;
    std::atomic<bool> stop{false};
    std::chrono::duration<double> encoded{0};
    std::chrono::duration<double> decoded{0};
    const auto work = [](auto &total, auto time) {
      const auto begin = CoreSharing::Clock::now();
      std::this_thread::sleep_for(time);
      total += CoreSharing::Clock::now() - begin;
    };
    std::thread encoder([&] {
      const CoreSharing::Encoding cores(sharing);
      while (!stop) {
        work(encoded, 1ms);
        sharing.pause();
      }
    });
    std::thread decoder([&] {
      for (int step = 0; step < 20; ++step) {
        const CoreSharing::Decoding cores(sharing, share);
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
CoreSharing::Clock::duration wait_for(
    std::chrono::milliseconds encoding, Share share,
    std::function<bool()> is_urgent = [] { return false; }) {
  CoreSharing sharing;
  std::atomic<bool> encodes{false};
  std::atomic<bool> stop{false};
  std::optional<CoreSharing::Decoding> step(sharing);
  std::thread encoder([&] {
    encodes = true;
    const CoreSharing::Encoding cores(sharing);
    const auto end = CoreSharing::Clock::now() + encoding;
    while (!stop && CoreSharing::Clock::now() < end) {
      std::this_thread::sleep_for(1ms);
      sharing.pause();
    }
  });
  while (!encodes) {
    std::this_thread::yield();
  }
  std::this_thread::sleep_for(20ms); // until it waits
  step.reset();
  const auto begin = CoreSharing::Clock::now();
  step.emplace(sharing, share, std::move(is_urgent));
  const auto waited = CoreSharing::Clock::now() - begin;
  stop = true;
  step.reset();
  encoder.join();
  return waited;
}

} // namespace

TEST_CASE(
    "core sharing: a picture is encoded to its end, or for a while, where that is asked for") {
  CHECK(wait_for(300ms, Share::whole_picture) >= 290ms);
  CHECK(wait_for(60s, Share::whole_picture) >= CoreSharing::most_at_first - 10ms);
  CHECK(wait_for(60s, Share::whole_picture) < 30s);
  CHECK(wait_for(60s, Share::encoder_first) < CoreSharing::most_at_first / 2);
}

TEST_CASE("core sharing: what is urgent waits for no share") {
  CHECK(wait_for(60s, Share::whole_picture, [] { return true; }) < CoreSharing::most_at_first / 2);
}
