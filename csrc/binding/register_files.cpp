// SPDX-License-Identifier: Apache-2.0
#include "binding/register.h"
#include "engine/memory_need.h"
#include "files/gguf_file.h"
#include "files/layout_check.h"
#include "files/model_check.h"
#include "model/text_placement.h"
#include "vision/vision_placement.h"

#include <pybind11/stl.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace py = pybind11;

namespace ppocrvl::binding {

namespace {

// Long arrays (the vocabulary) are described, not copied.
constexpr size_t longest_list = 64;

struct GgufArray {
  std::string type;
  size_t length;
};

/// Text of a file may hold any bytes.
py::str to_str(const std::string &text) {
  return py::reinterpret_steal<py::str>(
      PyUnicode_DecodeUTF8(text.data(), static_cast<py::ssize_t>(text.size()), "replace"));
}

py::object element(const GgufValue &value, size_t i) {
  switch (value.type) {
  case GgufType::string:
    return to_str(value.strings[i]);
  case GgufType::boolean:
    return py::bool_(value.get<uint8_t>(i) != 0);
  case GgufType::f32:
  case GgufType::f64:
    return py::float_(value.number(i));
  case GgufType::u64:
    return py::int_(value.get<uint64_t>(i));
  case GgufType::i64:
    return py::int_(value.get<int64_t>(i));
  default:
    return py::int_(static_cast<int64_t>(value.number(i)));
  }
}

py::object to_python(const GgufValue &value) {
  if (!value.is_array) {
    return element(value, 0);
  }
  if (value.count() > longest_list) {
    return py::cast(GgufArray{gguf_type_name(value.type), value.count()});
  }
  py::list list;
  for (size_t i = 0; i < value.count(); ++i) {
    list.append(element(value, i));
  }
  return list;
}

py::dict metadata(const GgufFile &file) {
  py::dict dict;
  for (const auto &[key, value] : file.metadata) {
    dict[to_str(key)] = to_python(value);
  }
  return dict;
}

py::dict metadata_places(const GgufFile &file) {
  py::dict dict;
  for (size_t i = 0; i < file.metadata.size(); ++i) {
    dict[to_str(file.metadata[i].first)] = file.metadata_places[i];
  }
  return dict;
}

std::vector<double> numbers(const GgufFile &file, const std::string &key) {
  const GgufValue *value = file.find(key);
  std::vector<double> found;
  if (value != nullptr && value->is_array && value->type != GgufType::string) {
    for (size_t i = 0; i < value->count(); ++i) {
      found.push_back(value->number(i));
    }
  }
  return found;
}

py::tuple shape(const GgufTensor &tensor) {
  py::tuple tuple(tensor.n_dims);
  for (uint32_t i = 0; i < tensor.n_dims; ++i) {
    tuple[i] = tensor.shape[i];
  }
  return tuple;
}

void register_memory(py::module_ &module) {
  module.def(
      "llm_memory",
      [](std::uint64_t n_tokens, std::uint64_t n_layer, std::uint64_t n_embd, std::uint64_t n_ff,
         std::uint64_t n_head, std::uint64_t n_head_kv, std::uint64_t head_dim,
         std::uint64_t n_vocab, bool is_f32) {
        const LlmSizes sizes{
            0, n_layer, n_embd, n_ff, n_head, n_head_kv, head_dim, n_vocab, is_f32,
        };
        const auto batch = static_cast<std::uint64_t>(TextPlacement().batch_tokens);
        return std::pair(kv_bytes(sizes, n_tokens), decoder_bytes(sizes, n_tokens, batch));
      },
      py::arg("n_tokens"), py::kw_only(), py::arg("n_layer"), py::arg("n_embd"), py::arg("n_ff"),
      py::arg("n_head"), py::arg("n_head_kv"), py::arg("head_dim"), py::arg("n_vocab"),
      py::arg("is_f32"), R"(Bytes of a KV cache of n_tokens, and of the buffers of its graph.)");
  module.def(
      "encoder_memory",
      [](std::uint64_t n_patches, std::uint64_t n_layer, std::uint64_t n_embd, std::uint64_t n_head,
         std::uint64_t n_ff, std::uint64_t n_embd_out, std::uint64_t patch_size, bool is_f32) {
        const VisionSizes sizes{0, n_layer, n_embd, n_head, n_ff, n_embd_out, patch_size, is_f32};
        return encoder_bytes(sizes, n_patches, VisionPlacement().bytes_of_scores);
      },
      py::arg("n_patches"), py::kw_only(), py::arg("n_layer"), py::arg("n_embd"), py::arg("n_head"),
      py::arg("n_ff"), py::arg("n_embd_out"), py::arg("patch_size"), py::arg("is_f32"),
      "Bytes of the vision encoder's buffers for a picture of n_patches.");
}

} // namespace

void register_files(py::module_ &module) {
  register_memory(module);
  // Reading a file may wait for a disk or a network share: all of it runs without the GIL.
  using released = py::call_guard<py::gil_scoped_release>;

  py::class_<GgufArray>(module, "GgufArray", "A long array of a file: what it holds, without it.")
      .def_readonly("type", &GgufArray::type, R"("str", "f32", "i32", ...)")
      .def_readonly("length", &GgufArray::length)
      .def("__repr__", [](const GgufArray &array) {
        return "GgufArray(type='" + array.type + "', length=" + std::to_string(array.length) + ")";
      });
  py::class_<GgufTensor>(module, "TensorInfo", "Where a tensor lies; its data are not read.")
      .def_readonly("name", &GgufTensor::name)
      .def_property_readonly("shape", &shape, "In ggml's order: a row's length comes first.")
      .def_property_readonly(
          "type", [](const GgufTensor &tensor) { return tensor_type_name(tensor.type); },
          R"("F32", "BF16", "Q8_0", ...)")
      .def_readonly("offset", &GgufTensor::offset, "Bytes from the start of the file.")
      .def_readonly("n_bytes", &GgufTensor::n_bytes, "Without the padding behind it.");
  py::class_<GgufFile>(module, "GgufFile", "What stands before the data of a GGUF file.")
      .def_readonly("path", &GgufFile::path)
      .def_readonly("version", &GgufFile::version)
      .def_readonly("size", &GgufFile::size)
      .def_readonly("data_offset", &GgufFile::data_offset)
      .def_property_readonly("metadata", &metadata,
                             "In file order; arrays of more than 64 elements as GgufArray.")
      .def("numbers", &numbers, py::arg("key"),
           "All elements of an array of numbers, however long; none where there is no such array.")
      .def_property_readonly("metadata_places", &metadata_places,
                             "By key: where it stands with its value, as (first byte, end).")
      .def_readonly("tensors", &GgufFile::tensors)
      .def_property_readonly(
          "role", [](const GgufFile &file) { return model_role_name(model_role(file)); },
          R"("llm", "mmproj" or "other": what the file says it is.)");

  module.def("read_gguf", &read_gguf, py::arg("path"), released(),
             R"(Reads header, metadata and tensor table; every size is checked before it is used.

Raises:
    ModelFormatError: The file is missing, damaged or no GGUF file.)");
  module.def(
      "check_llm", [](const std::string &path) { check_llm(read_gguf(path)); }, py::arg("path"),
      released(), R"(Passes if llama.cpp will load and run the file.

Raises:
    ModelFormatError: Damaged, incomplete, or of another architecture.
    ModelMismatchError: It is an mmproj file.)");
  module.def(
      "check_mmproj", [](const std::string &path) { check_mmproj(read_gguf(path)); },
      py::arg("path"), released(), R"(Passes if mtmd will load and run the file.

Raises:
    ModelFormatError: Damaged, incomplete, or of another architecture.
    ModelMismatchError: It is an LLM file.)");
  module.def(
      "check_layout", [](const std::string &path) { check_layout(read_gguf(path)); },
      py::arg("path"), released(), R"(Passes if the layout graph will load and run the file.

Raises:
    ModelFormatError: Damaged, incomplete, or of another architecture.
    ModelMismatchError: It is a part of a language model.)");
  module.def(
      "check_pair",
      [](const std::string &llm, const std::string &mmproj) {
        check_pair(read_gguf(llm), read_gguf(mmproj));
      },
      py::arg("llm"), py::arg("mmproj"), released(),
      R"(Both checks, and that the files belong together.

Raises:
    ModelFormatError: One of them cannot run.
    ModelMismatchError: They are swapped, or of two models.)");
  module.def("quantized_row_bytes", &quantized_row_bytes, py::arg("type"), py::arg("n_elements"),
             R"(Bytes of a row of n_elements in a tensor type such as "Q4_K".

Raises:
    OptionError: No such type, or its blocks do not divide the row.)");
}

} // namespace ppocrvl::binding
