// SPDX-License-Identifier: Apache-2.0
//
// ppocrvl._cpu: what this CPU can do, in the words of ggml's build options. It is compiled for any
// x86-64 CPU, and is asked before one of the extensions of a wheel is loaded.

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <set>
#include <string>

namespace py = pybind11;

namespace {

/// Only what the operating system has turned on, too: the compiler's functions ask for both.
std::set<std::string> features() {
  std::set<std::string> found;
  const auto add = [&found](const char *name, bool is_there) {
    if (is_there) {
      found.insert(name);
    }
  };
  __builtin_cpu_init();
  add("sse42", __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt"));
  add("avx", __builtin_cpu_supports("avx"));
  add("f16c", __builtin_cpu_supports("f16c"));
  add("fma", __builtin_cpu_supports("fma"));
  add("bmi2", __builtin_cpu_supports("bmi2"));
  add("avx2", __builtin_cpu_supports("avx2"));
  add("avx512", __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
                    __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("avx512bw"));
  add("avx512_vbmi", __builtin_cpu_supports("avx512vbmi"));
  add("avx512_vnni", __builtin_cpu_supports("avx512vnni"));
  add("avx512_bf16", __builtin_cpu_supports("avx512bf16"));
  return found;
}

} // namespace

PYBIND11_MODULE(_cpu, module) {
  module.doc() = "What this CPU can do, for the choice between the extensions of a wheel.";
  module.def("features", &features, "Names of ggml's build options, in lower case.");
}
