// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "schedule/ticket.h"

#include <pybind11/pybind11.h>

#include <chrono>

namespace ppocrvl::binding {

// Python's signal handlers run only when the main thread asks for them.
constexpr std::chrono::milliseconds signal_interval{50};

/// Calls `arrived(limit)` without the GIL until it is true. A signal handler that raises (Ctrl-C)
/// cancels `pending`, waits until the worker has dropped it, and is passed on.
template <class Value, class Arrived>
void wait_with_signals(Pending<Value> &pending, Arrived arrived) {
  while (true) {
    // Also before the first wait: a loop in C over a ready ticket would see no signal otherwise.
    if (PyErr_CheckSignals() != 0) {
      {
        const pybind11::gil_scoped_release no_gil;
        pending.cancel();
        while (!pending.wait_done(signal_interval)) {
        }
      }
      throw pybind11::error_already_set();
    }
    const pybind11::gil_scoped_release no_gil; // the wait is long, and the worker may log
    if (arrived(signal_interval)) {
      return;
    }
  }
}

template <class Value> const Value &wait_for_value(Pending<Value> &pending) {
  wait_with_signals(pending,
                    [&](std::chrono::milliseconds limit) { return pending.wait_done(limit); });
  return pending.value();
}

} // namespace ppocrvl::binding
