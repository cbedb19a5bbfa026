// SPDX-License-Identifier: Apache-2.0
//
// Refuses memory and threads at one place after the other: while an engine loads, while it reads.
// Whatever was refused, the caller must get an answer or an Error, and the engine must read on.
//   ppocrvl_fault_tests [faults [first]]
// PPOCRVL_TEST_MODEL names the folder with the model's two files.
#include "tests/engine_cases.h"
#include "tests/faults/failing_memory.h"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace ppocrvl;
using namespace ppocrvl::test;

[[noreturn]] void give_up(const std::string &what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(1);
}

/// Small pictures that are encoded together, one that is encoded alone, and a text.
std::vector<Request> requests() {
  std::vector<Request> all;
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
      if (error.kind() != ErrorKind::engine) {
        give_up(std::string("an error of the wrong kind: ") + error.what());
      }
      outcome.add(error);
    }
  }
  return outcome;
}

std::unique_ptr<Engine> load(const EngineOptions &options) {
  try {
    return std::make_unique<Engine>(options);
  } catch (const Error &error) {
    if (error.kind() != ErrorKind::engine) {
      give_up(std::string("an error of the wrong kind: ") + error.what());
    }
  } catch (const std::bad_alloc &) {
    // as above
  }
  return nullptr;
}

} // namespace

int main(int argc, char **argv) {
  auto options = test_model();
  if (!options) {
    return 0;
  }
  options->n_threads = 2;
  options->n_parallel = 3;
  options->gpu_layers = 0;
  options->cache_bytes = 0; // each picture is encoded each time
  const long n_faults = argc > 1 ? std::atol(argv[1]) : 300;
  const long only = argc > 2 ? std::atol(argv[2]) : -1;

  failing_memory::refuse(0, 0);
  auto engine = load(*options);
  const long asked_by_load = failing_memory::stop();
  const Outcome expected = read_all(*engine);
  failing_memory::refuse(0, 0);
  read_all(*engine);
  const long asked_by_reading = failing_memory::stop();
  std::fprintf(stderr, "asked for: %ld times to load, %ld times to read\n", asked_by_load,
               asked_by_reading);
  long n_refused = 0;
  long n_failed = 0;
  for (long i = only >= 0 ? only : 0; i < (only >= 0 ? only + 1 : n_faults); ++i) {
    std::mt19937_64 random(static_cast<std::uint64_t>(i) + 1);
    const bool loads = i % 4 == 0;
    const long most = loads ? asked_by_load : asked_by_reading;
    const long first = static_cast<long>(random() % static_cast<std::uint64_t>(most));
    const long count = 1L << (random() % 4);
    std::fprintf(stderr, "\rfault %ld: %s, %ld of them from number %ld on    ", i,
                 loads ? "load" : "read", count, first);
    if (loads) {
      engine.reset();
      failing_memory::refuse(first, count);
      engine = load(*options);
      failing_memory::stop();
      n_failed += engine == nullptr ? 1 : 0;
      n_refused += failing_memory::refused() ? 1 : 0;
      if (engine == nullptr) {
        engine = load(*options);
      }
    } else {
      failing_memory::refuse(first, count);
      const Outcome outcome = read_all(*engine);
      failing_memory::stop();
      n_failed += outcome.n_errors > 0 ? 1 : 0;
      n_refused += failing_memory::refused() ? 1 : 0;
    }
    const Outcome after = read_all(*engine);
    if (after.n_errors > 0 || after.text != expected.text) {
      give_up("\nafter fault " + std::to_string(i) + " the engine does not read as before:\n" +
              after.errors + after.text + "instead of\n" + expected.text);
    }
  }
  std::fprintf(stderr, "\n%ld faults: %ld times something was refused, %ld times with an error\n",
               n_faults, n_refused, n_failed);
  return 0;
}
