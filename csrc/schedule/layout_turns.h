// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>

namespace ppocrvl {

/// Lets the layout models and the engines of a process take turns on its cores: a page's layout
/// computes alone, and the engines, which do not wait for each other here, compute without it. Who
/// computes goes on for as long as the other side's last turn took, at most `most_of_turn`, and
/// then lets the other side go first if it waits. So neither starves, and while an engine reads one
/// page, the layout of the next is found. One page at a time, whatever model it is for.
class LayoutTurns {
public:
  using Clock = std::chrono::steady_clock;

  static constexpr std::chrono::milliseconds most_of_turn{80};

  explicit LayoutTurns(std::function<Clock::time_point()> now = [] { return Clock::now(); })
      : now_(std::move(now)) {}

  /// A page's layout, from its first step to its last.
  class Page {
  public:
    /// Waits for the page before and for its turn. Throws Error(cancelled) once `goes_on`, which it
    /// asks again and again, is false.
    Page(LayoutTurns &turns, std::function<bool()> goes_on);
    ~Page();
    Page(const Page &) = delete;
    Page &operator=(const Page &) = delete;

    /// Lets the engines compute if it is their turn; for between two steps. Whether to go on.
    bool pause();

  private:
    LayoutTurns &turns_;
    std::function<bool()> goes_on_;
    bool computes_ = false;
  };

  // An engine's threads compute between these two.
  void begin_engine();
  void end_engine();
  /// Whether a page waits and it is its turn: the engine is to end and begin anew as soon as it
  /// can.
  [[nodiscard]] bool is_page_next();
  /// Whether some engine waits for its turn.
  [[nodiscard]] bool is_engine_waiting() const { return engines_wait_ > 0; }

private:
  template <class Ready> bool wait(const std::function<bool()> &goes_on, Ready ready);
  bool begin_page(const std::function<bool()> &goes_on);
  void end_page();
  void leave();
  [[nodiscard]] bool is_engine_next();

  std::function<Clock::time_point()> now_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool has_page_ = false;      // some page is under way
  bool page_computes_ = false; // and has the cores
  std::atomic<bool> page_waits_{false};
  int engines_compute_ = 0;
  std::atomic<int> engines_wait_{0};
  bool is_page_first_ = false; // if both wait: who had the cores last lets the other go first
  Clock::time_point page_since_;
  Clock::time_point engines_since_;
  Clock::duration last_page_{};
  Clock::duration last_engines_{};
};

/// Those of all engines and layout models of this process.
LayoutTurns &process_turns();

} // namespace ppocrvl
