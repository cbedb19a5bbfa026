// SPDX-License-Identifier: Apache-2.0
#include "schedule/layout_turns.h"

#include "support/error.h"
#include "support/process.h"

#include <algorithm>
#include <memory>

namespace ppocrvl {
namespace {

constexpr std::chrono::milliseconds asking_interval{50};

LayoutTurns::Clock::duration turn_after(LayoutTurns::Clock::duration other) {
  return std::min<LayoutTurns::Clock::duration>(other, LayoutTurns::most_of_turn);
}

} // namespace

LayoutTurns::Page::Page(LayoutTurns &turns, std::function<bool()> goes_on)
    : turns_(turns), goes_on_(std::move(goes_on)) {
  const auto enter = [&turns] { return !std::exchange(turns.has_page_, true); };
  if (turns.wait(goes_on_, enter)) {
    computes_ = turns.begin_page(goes_on_);
    if (computes_) {
      return;
    }
    turns.leave();
  }
  throw Error(ErrorKind::cancelled, "the page's layout was cancelled");
}

LayoutTurns::Page::~Page() {
  if (computes_) {
    turns_.end_page();
  }
  turns_.leave();
}

bool LayoutTurns::Page::pause() {
  if (turns_.is_engine_next()) {
    turns_.end_page();
    computes_ = turns_.begin_page(goes_on_);
    return computes_;
  }
  return !goes_on_ || goes_on_();
}

/// Until `ready`, which may change what it looks at, is true. False once `goes_on` is.
template <class Ready> bool LayoutTurns::wait(const std::function<bool()> &goes_on, Ready ready) {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!changed_.wait_for(lock, asking_interval, ready)) {
    lock.unlock(); // it may take the GIL
    const bool is_over = goes_on && !goes_on();
    lock.lock();
    if (is_over) {
      return false;
    }
  }
  return true;
}

bool LayoutTurns::begin_page(const std::function<bool()> &goes_on) {
  page_waits_ = true;
  const bool begins = wait(goes_on, [this] {
    page_computes_ = engines_compute_ == 0 && (is_page_first_ || engines_wait_ == 0);
    return page_computes_;
  });
  {
    const std::scoped_lock lock(mutex_);
    page_waits_ = false;
    page_since_ = now_();
  }
  changed_.notify_all();
  return begins;
}

void LayoutTurns::end_page() {
  {
    const std::scoped_lock lock(mutex_);
    page_computes_ = false;
    is_page_first_ = false;
    last_page_ = now_() - page_since_;
  }
  changed_.notify_all();
}

void LayoutTurns::leave() {
  {
    const std::scoped_lock lock(mutex_);
    has_page_ = false;
  }
  changed_.notify_all();
}

bool LayoutTurns::is_engine_next() {
  if (engines_wait_ == 0) {
    return false;
  }
  const std::scoped_lock lock(mutex_);
  return now_() - page_since_ >= turn_after(last_engines_);
}

void LayoutTurns::begin_engine() {
  std::unique_lock<std::mutex> lock(mutex_);
  ++engines_wait_;
  changed_.wait(lock, [this] { return !page_computes_ && !(page_waits_ && is_page_first_); });
  --engines_wait_;
  if (engines_compute_++ == 0) {
    engines_since_ = now_();
  }
}

void LayoutTurns::end_engine() {
  {
    const std::scoped_lock lock(mutex_);
    --engines_compute_;
    is_page_first_ = true;
    last_engines_ = now_() - engines_since_;
  }
  changed_.notify_all();
}

bool LayoutTurns::is_page_next() {
  if (!page_waits_) {
    return false;
  }
  const std::scoped_lock lock(mutex_);
  return now_() - engines_since_ >= turn_after(last_page_);
}

LayoutTurns &process_turns() {
  // A child's own: what the parent was about when it forked never ends there.
  static std::mutex mutex;
  static int process = current_process();
  static auto turns = std::make_unique<LayoutTurns>();
  const std::scoped_lock lock(mutex);
  if (process != current_process()) {
    process = current_process();
    const LayoutTurns *parents = turns.release();
    static_cast<void>(parents);
    turns = std::make_unique<LayoutTurns>();
  }
  return *turns;
}

} // namespace ppocrvl
