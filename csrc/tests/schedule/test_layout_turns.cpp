// SPDX-License-Identifier: Apache-2.0
//
// With a clock that the tests move. Who waits is seen from the other side: it has the turn next
// once its time has come.
#include "schedule/core_sharing.h"
#include "schedule/layout_turns.h"
#include "tests/check.h"

#include <atomic>
#include <chrono>
#include <future>
#include <optional>
#include <thread>

using namespace std::chrono_literals;
using ppocrvl::CoreSharing;
using ppocrvl::ErrorKind;
using ppocrvl::LayoutTurns;

namespace {

class TestClock {
public:
  LayoutTurns::Clock::time_point operator()() const {
    return LayoutTurns::Clock::time_point(now_.load());
  }
  void pass(std::chrono::milliseconds time) { now_ = now_.load() + time; }

private:
  std::atomic<std::chrono::milliseconds> now_{std::chrono::milliseconds(1000)};
};

const std::function<bool()> always;

/// Turns by a clock.
struct Bench {
  TestClock clock;
  LayoutTurns turns{[this] { return clock(); }};
};

} // namespace

TEST_CASE("layout turns: one alone waits for nobody") {
  Bench bench;
  bench.turns.begin_engine();
  bench.turns.begin_engine(); // another engine
  bench.clock.pass(1000ms);
  CHECK(!bench.turns.is_page_next());
  bench.turns.end_engine();
  bench.turns.end_engine();
  LayoutTurns::Page page(bench.turns, always);
  bench.clock.pass(1000ms);
  CHECK(page.pause());
}

TEST_CASE("layout turns: a page begins once the engine has had as long as a page's last turn") {
  Bench bench;
  {
    const LayoutTurns::Page before(bench.turns, always);
    bench.clock.pass(30ms);
  }
  bench.turns.begin_engine();
  std::atomic<bool> begun{false};
  std::thread layout([&] {
    const LayoutTurns::Page page(bench.turns, always);
    begun = true;
  });
  bench.clock.pass(29ms);
  CHECK(!bench.turns.is_page_next());
  bench.clock.pass(1ms);
  while (!bench.turns.is_page_next()) { // until it waits
    std::this_thread::yield();
  }
  CHECK(!begun);
  bench.turns.end_engine();
  bench.turns.begin_engine(); // waits: the page is first
  CHECK(begun);
  bench.turns.end_engine();
  layout.join();
}

TEST_CASE("layout turns: a page pauses once it has had as long as an engine's last turn") {
  for (const auto &[step, turn] : {std::pair{20ms, 20ms}, {900ms, 80ms}}) {
    Bench bench;
    bench.turns.begin_engine();
    bench.clock.pass(step);
    bench.turns.end_engine();
    LayoutTurns::Page page(bench.turns, always);
    std::atomic<bool> computed{false};
    std::thread engine([&] {
      bench.turns.begin_engine();
      computed = true;
      bench.turns.end_engine();
    });
    bench.clock.pass(turn - 1ms);
    CHECK(page.pause());
    CHECK(!computed);
    bench.clock.pass(1ms);
    while (!computed) { // as soon as the engine waits, a pause lets it go first
      CHECK(page.pause());
    }
    engine.join();
  }
}

TEST_CASE("layout turns: pages wait for each other, and a cancelled one waits no longer") {
  Bench bench;
  std::optional<LayoutTurns::Page> page(std::in_place, bench.turns, always);
  int asked = 0;
  CHECK_THROWS_KIND(ErrorKind::cancelled,
                    LayoutTurns::Page(bench.turns, [&] { return ++asked < 2; }));
  CHECK_EQUAL(asked, 2);
  page.reset();
  bench.turns.begin_engine();
  CHECK_THROWS_KIND(ErrorKind::cancelled, LayoutTurns::Page(bench.turns, [] { return false; }));
  bench.turns.end_engine();
  const LayoutTurns::Page next(bench.turns, always);
}

TEST_CASE("layout turns: a page that is cancelled while it pauses ends") {
  Bench bench;
  std::atomic<bool> goes_on{true};
  std::promise<void> ends;
  LayoutTurns::Page page(bench.turns, [&] { return goes_on.load(); });
  std::atomic<bool> computes{false};
  std::thread engine([&] {
    bench.turns.begin_engine();
    computes = true;
    goes_on = false;
    ends.get_future().wait();
    bench.turns.end_engine();
  });
  while (page.pause()) { // ends in the pause in which the engine computes, and never lets go
  }
  CHECK(computes);
  ends.set_value();
  engine.join();
}

TEST_CASE("layout turns: encoding and decoding let a page compute between them") {
  for (const bool are_shared : {true, false}) {
    Bench bench;
    CoreSharing sharing(are_shared, &bench.turns);
    std::atomic<bool> found{false};
    std::optional<CoreSharing::Encoding> encoding(std::in_place, sharing);
    std::thread layout([&] {
      const LayoutTurns::Page page(bench.turns, always);
      found = true;
    });
    while (!found) { // as soon as the page waits, a pause lets it go first
      sharing.pause();
    }
    layout.join();
    encoding.reset();
    std::optional<LayoutTurns::Page> page(std::in_place, bench.turns, always);
    std::atomic<bool> stepped{false};
    std::thread decoder([&] {
      const CoreSharing::Decoding cores(sharing);
      stepped = true;
    });
    CHECK(!stepped);
    while (!stepped) {
      bench.clock.pass(1ms);
      CHECK(page->pause());
    }
    decoder.join();
  }
}
