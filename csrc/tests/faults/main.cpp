// SPDX-License-Identifier: Apache-2.0
//
// Refuses memory and threads at one place after the other: while an engine or a layout model loads,
// while it reads. Whatever was refused, the caller must get an answer or an Error, and it must read
// on.
//   ppocrvl_fault_tests [faults [first [threads]]]
// PPOCRVL_TEST_MODEL names the folder with the model's two files.
#include "tests/engine_cases.h"
#include "tests/faults/failing_memory.h"
#include "tests/faults/layout_faults.h"

#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <new>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace ppocrvl;
using namespace ppocrvl::test;

/// Small pictures that are encoded together, one that is encoded alone, and a text.
std::vector<Request> requests() {
  std::vector<Request> all;
  all.reserve(4);
  all.push_back(question(4));
  all.push_back(question(4, 112, 28));
  all.push_back(question(2, 28 * 20, 28 * 14));
  all.push_back(endless(4));
  return all;
}

struct Outcome {
  std::string text; // of the answers that came
  std::string errors;
  int n_errors = 0;

  void add(const std::string &answer) {
    const failing_memory::Pardon pardon;
    text += answer + "\n";
  }
  void add(const std::exception &error) {
    const failing_memory::Pardon pardon;
    ++n_errors;
    errors += std::string(error.what()) + "\n";
  }
};

void require_engine_error(const Error &error) {
  if (error.kind() != ErrorKind::engine) {
    const failing_memory::Pardon pardon;
    throw std::logic_error(std::string("an error of the wrong kind: ") + error.what());
  }
}

Outcome read_all(Engine &engine) {
  Outcome outcome;
  std::vector<Request> asked;
  std::vector<std::shared_ptr<Ticket>> tickets;
  {
    const failing_memory::Pardon pardon;
    asked = requests();
    tickets.reserve(asked.size());
  }
  for (Request &request : asked) {
    try {
      tickets.push_back(engine.submit(std::move(request)));
    } catch (const Error &error) {
      require_engine_error(error);
      outcome.add(error);
    } catch (const std::bad_alloc &error) {
      outcome.add(error); // the binding's translator makes it an EngineError
    }
  }
  for (const auto &ticket : tickets) {
    while (!ticket->wait_done(std::chrono::milliseconds(100))) {
    }
    try {
      outcome.add(ticket->value().text);
    } catch (const Error &error) {
      require_engine_error(error);
      outcome.add(error);
    }
  }
  return outcome;
}

/// Null where it could not be had.
std::unique_ptr<Engine> load(const EngineOptions &options) {
  try {
    return std::make_unique<Engine>(options);
  } catch (const Error &error) {
    require_engine_error(error);
    return nullptr;
  } catch (const std::bad_alloc &) {
    return nullptr; // as above
  }
}

/// An engine, and how often it asks for memory and threads.
class Subject {
public:
  explicit Subject(EngineOptions options)
      : options_(std::move(options)), asked_by_load_(count([this] { engine_ = load(options_); })),
        expected_(read_all(*engine_)), asked_by_reading_(count([this] { read_all(*engine_); })) {
    std::cerr << "asked for: " << asked_by_load_ << " times to load, " << asked_by_reading_
              << " times to read\n";
  }

  /// Throws if the engine does not read as before afterwards.
  void meet_fault(long number) {
    std::mt19937_64 random(static_cast<std::uint64_t>(number) + 1);
    const bool loads = number % 4 == 0;
    const long most = loads ? asked_by_load_ : asked_by_reading_;
    const long first = static_cast<long>(random() % static_cast<std::uint64_t>(most));
    const long count = 1L << (random() % 4);
    if (loads) {
      engine_.reset();
    }
    failing_memory::refuse(first, count);
    if (loads) {
      engine_ = load(options_);
      n_failed_ += engine_ == nullptr ? 1 : 0;
    } else {
      n_failed_ += read_all(*engine_).n_errors > 0 ? 1 : 0;
    }
    failing_memory::stop();
    n_refused_ += failing_memory::refused() ? 1 : 0;
    if (engine_ == nullptr) {
      engine_ = load(options_);
    }
    const Outcome after = read_all(*engine_);
    if (after.n_errors > 0 || after.text != expected_.text) {
      throw std::logic_error("after fault " + std::to_string(number) + " (" +
                             (loads ? "load" : "read") + ", " + std::to_string(count) + " from " +
                             std::to_string(first) + " on) the engine does not read as before:\n" +
                             after.errors + after.text + "instead of\n" + expected_.text);
    }
  }

  void report() const {
    std::cerr << n_refused_ << " times something was refused, " << n_failed_
              << " times with an error\n";
  }

private:
  template <typename Work> static long count(Work work) {
    failing_memory::refuse(0, 0);
    work();
    return failing_memory::stop();
  }

  EngineOptions options_;
  std::unique_ptr<Engine> engine_;
  long asked_by_load_;
  Outcome expected_;
  long asked_by_reading_;
  long n_refused_ = 0;
  long n_failed_ = 0;
};

void run(const std::vector<std::string> &arguments) {
  const long n_faults = arguments.empty() ? 300 : std::stol(arguments[0]);
  const long first = arguments.size() < 2 ? 0 : std::stol(arguments[1]);
  meet_layout_faults(first, n_faults);
  auto options = test_model();
  if (!options) {
    return;
  }
  options->n_threads = arguments.size() < 3 ? 2 : std::stoi(arguments[2]);
  options->n_parallel = 3;
  options->device = "cpu";
  options->cache_bytes = 0; // each picture is encoded each time
  Subject subject(options.value());
  for (long i = first; i < first + n_faults; ++i) {
    subject.meet_fault(i);
  }
  subject.report();
}

} // namespace

int main(int argc, char **argv) {
  try {
    run(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
