// SPDX-License-Identifier: Apache-2.0
//
// Hooks for tests that need parts of the core without an engine.
#include "binding/register.h"
#include "model/mrope.h"
#include "mtmd/vision_graph.h"
#include "schedule/sequence.h"
#include "schedule/ticket.h"
#include "support/faults.h"
#include "text/utf8_assembler.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace py = pybind11;

namespace ppocrvl::binding {
namespace {

py::str decode_utf8(const std::vector<py::bytes> &chunks) {
  Utf8Assembler assembler;
  std::string text;
  for (const auto &chunk : chunks) {
    const std::string piece = assembler.push(static_cast<std::string>(chunk));
    py::str(piece).cast<std::string>(); // throws if the piece is not valid by itself
    text += piece;
  }
  return text + assembler.finish();
}

/// A picture is (rows, cols), text (count, 0).
std::vector<std::vector<std::int32_t>>
mrope_positions(const std::vector<std::pair<int, int>> &segments) {
  std::vector<std::vector<std::int32_t>> planes(3);
  std::int32_t next = 0;
  for (const auto &[count, cols] : segments) {
    const ImageGrid grid{count, cols};
    const int n = cols > 0 ? grid.tokens() : count;
    const auto text = text_positions(next, n);
    const auto image = cols > 0 ? image_position_planes(grid, next, 0, n) : text;
    for (std::size_t axis = 0; axis < planes.size(); ++axis) {
      const auto begin = image.begin() + (cols > 0 ? static_cast<std::ptrdiff_t>(axis) * n : 0);
      planes[axis].insert(planes[axis].end(), begin, begin + n);
    }
    next = cols > 0 ? position_after_image(grid, next) : next + n;
  }
  return planes;
}

void deviate_vision(const std::string &name) {
  static const std::map<std::string, VisionDeviation> deviations{
      {"", VisionDeviation::none},
      {"antialiased_positions", VisionDeviation::antialiased_positions},
      {"tanh_projector", VisionDeviation::tanh_projector},
  };
  const auto found = deviations.find(name);
  if (found == deviations.end()) {
    throw py::value_error("no deviation " + name);
  }
  deviate_for_tests(found->second);
}

void inject(const std::string &place, int count) {
  static const std::map<std::string, FaultPoint> places{
      {"encode", FaultPoint::encode},
      {"grow_cache", FaultPoint::grow_cache},
      {"decode", FaultPoint::decode},
  };
  const auto found = places.find(place);
  if (found == places.end()) {
    throw py::value_error("no place " + place);
  }
  inject_fault(found->second, count);
}

std::map<std::string, int> live_objects() {
  return {{"tickets", LiveCount<Ticket>::count()}, {"sequences", LiveCount<Sequence>::count()}};
}

} // namespace

void register_test(py::module_ &module) {
  // In every build: the tests run against what is installed, as users have it.
  auto test = module.def_submodule("_test");
  test.def("decode_utf8", &decode_utf8, py::arg("chunks"),
           "Puts the chunks through the assembler that makes text of token bytes.");
  test.def("mrope_positions", &mrope_positions, py::arg("segments"),
           "Planes t, h and w of a series of texts (count, 0) and pictures (rows, cols).");
  test.def("deviate_vision", &deviate_vision, py::arg("name"),
           "Makes the vision graph deviate from the reference as upstream's does, until the next "
           "call; see the names in its source.");
  test.def("inject_fault", &inject, py::arg("place"), py::arg("count"),
           "Makes the next `count` passes of a place fail: encode, grow_cache or decode.");
  test.def("live_objects", &live_objects, "How many objects of some classes there are.");
}

} // namespace ppocrvl::binding
