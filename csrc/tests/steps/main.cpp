// SPDX-License-Identifier: Apache-2.0
//
// One encoding, or some decoding steps, and nothing else: what benchmarks/instructions.py counts
// the instructions of.
#include "support/error.h"
#include "tests/engine_cases.h"

#include <iostream>
#include <string>

using ppocrvl::Engine;
using ppocrvl::test::endless;
using ppocrvl::test::noise;
using ppocrvl::test::wait;

/// PPOCRVL_TEST_MODEL names the model. `encode WIDTH HEIGHT` encodes an image of that many pixels,
/// `decode TOKENS` makes that many after a short prompt, `load` neither. One thread computes.
int main(int argc, char **argv) {
  const std::string task = argc > 2 ? argv[2] : "";
  const int first = argc > 3 ? std::stoi(argv[3]) : 0;
  const int second = argc > 4 ? std::stoi(argv[4]) : 0;
  auto options = ppocrvl::test::test_model();
  if (!options || (task != "load" && task != "encode" && task != "decode")) {
    std::cerr << "usage: PPOCRVL_TEST_MODEL=FOLDER ppocrvl_steps KERNELS "
                 "load | encode WIDTH HEIGHT | decode TOKENS\n";
    return 2;
  }
  options->kernels = argv[1];
  options->n_threads = 1;
  options->device = "cpu";
  options->kv_tokens = 1024;
  try {
    Engine engine(*options);
    if (task == "encode") {
      const auto image = wait(*engine.submit_embedding(noise(first, second), ""));
      std::cout << image->grid.tokens() << " image tokens, the first number "
                << image->values.front() << "\n";
    } else if (task == "decode") {
      const auto answer = wait(*engine.submit(endless(first)));
      std::cout << answer.token_ids.size() << " tokens\n";
    }
  } catch (const ppocrvl::Error &error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  return 0;
}
