// SPDX-License-Identifier: Apache-2.0
#include "model/llama_runtime.h"
#include "model/teacher_forcing.h"
#include "support/faults.h"
#include "tests/check.h"
#include "tests/engine_cases.h"
#include "tests/gguf_builder.h"

#include <cstddef>
#include <cstdint>
#include <vector>

using ppocrvl::ErrorKind;
using ppocrvl::FaultPoint;
using ppocrvl::inject_fault;
using ppocrvl::TeacherForcing;
using ppocrvl::test::noise;
using ppocrvl::test::test_model;

TEST_CASE("llama runtime: a file that libllama refuses is an error that says why") {
  ppocrvl::route_native_logs();
  const ppocrvl::tests::TemporaryFile damaged("GGUF and no more");
  const std::string message = ppocrvl::tests::message_of(ErrorKind::engine, [&] {
    ppocrvl::load_llama_model(damaged.path(), ppocrvl::host_device, /*use_mmap=*/true);
  });
  CHECK(ppocrvl::tests::contains(message, damaged.path()));
  CHECK(!ppocrvl::tests::contains(message, "no further detail"));
}

TEST_CASE("llama runtime: who is told the answer fails as an engine does, and goes on") {
  const auto options = test_model();
  if (!options) {
    return;
  }
  TeacherForcing model({options->llm, options->mmproj, 1, false});
  const std::vector<std::int32_t> answer = model.answer_ids("text");
  const auto read = [&] { return model.read(noise(84, 56), "OCR:", answer, true).values; };
  inject_fault(FaultPoint::allocate_cache, 1);
  CHECK_THROWS_KIND(ErrorKind::engine, read());
  const auto first = read();
  CHECK_EQUAL(first.size() % answer.size(), std::size_t{0});
  CHECK(!first.empty());
  CHECK(read() == first);
}
