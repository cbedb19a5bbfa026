// SPDX-License-Identifier: Apache-2.0
//
// One encoding, or some decoding steps, and nothing else: what benchmarks/instructions.py counts
// the instructions of.
#include "tests/engine_cases.h"

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

using ppocrvl::Engine;
using ppocrvl::test::endless;
using ppocrvl::test::noise;
using ppocrvl::test::wait;

namespace {

/// False if the arguments, without the program's name, are not as `main` says.
bool run(const std::vector<std::string> &arguments) {
  const std::string task = arguments.size() < 2 ? "" : arguments[1];
  const int first = arguments.size() < 3 ? 0 : std::stoi(arguments[2]);
  const int second = arguments.size() < 4 ? 0 : std::stoi(arguments[3]);
  auto options = ppocrvl::test::test_model();
  if (!options || (task != "load" && task != "encode" && task != "decode")) {
    return false;
  }
  options->kernels = arguments[0];
  options->n_threads = 1;
  options->device = "cpu";
  options->kv_tokens = 1024;
  Engine engine(options.value());
  if (task == "encode") {
    const auto image = wait(*engine.submit_embedding(noise(first, second), ""));
    std::cout << image->grid.tokens() << " image tokens, the first number " << image->values.front()
              << "\n";
  } else if (task == "decode") {
    const auto answer = wait(*engine.submit(endless(first)));
    std::cout << answer.token_ids.size() << " tokens\n";
  }
  return true;
}

} // namespace

/// PPOCRVL_TEST_MODEL names the model. `encode WIDTH HEIGHT` encodes an image of that many pixels,
/// `decode TOKENS` makes that many after a short prompt, `load` neither. One thread computes.
int main(int argc, char **argv) {
  try {
    if (!run(std::vector<std::string>(argv + 1, argv + argc))) {
      std::cerr << "usage: PPOCRVL_TEST_MODEL=FOLDER ppocrvl_steps KERNELS "
                   "load | encode WIDTH HEIGHT | decode TOKENS\n";
      return 2;
    }
  } catch (const std::exception &error) {
    std::cerr << error.what() << "\n";
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
