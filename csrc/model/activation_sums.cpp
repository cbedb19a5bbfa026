// SPDX-License-Identifier: Apache-2.0
#include "model/activation_sums.h"

#include "ggml-backend.h"
#include "ggml.h"

#include <cstddef>
#include <string_view>

namespace ppocrvl {
namespace {

bool is_weight(const ggml_tensor &tensor) {
  constexpr std::string_view suffix = ".weight";
  const std::string_view name = ggml_get_name(&tensor);
  return tensor.op == GGML_OP_NONE && name.size() > suffix.size() &&
         name.substr(name.size() - suffix.size()) == suffix;
}

} // namespace

bool ActivationSums::wants(const ggml_tensor &node) const {
  if (node.op != GGML_OP_MUL_MAT) {
    return false;
  }
  const ggml_tensor &input = *node.src[1];
  return is_weight(*node.src[0]) && ggml_n_dims(node.src[0]) == 2 && input.type == GGML_TYPE_F32 &&
         input.nb[0] == sizeof(float);
}

void ActivationSums::see(const ggml_tensor &node) {
  const ggml_tensor &input = *node.src[1];
  const char *data = static_cast<const char *>(input.data);
  if (!ggml_backend_buffer_is_host(input.buffer)) {
    copy_.resize(ggml_nbytes(&input));
    ggml_backend_tensor_get(&input, copy_.data(), 0, copy_.size());
    data = copy_.data();
  }
  const auto n_columns = static_cast<std::size_t>(input.ne[0]);
  Entry &entry = entries_[ggml_get_name(node.src[0])];
  entry.squares.resize(n_columns);
  for (std::int64_t i3 = 0; i3 < input.ne[3]; ++i3) {
    for (std::int64_t i2 = 0; i2 < input.ne[2]; ++i2) {
      for (std::int64_t i1 = 0; i1 < input.ne[1]; ++i1) {
        const std::size_t offset = static_cast<std::size_t>(i3) * input.nb[3] +
                                   static_cast<std::size_t>(i2) * input.nb[2] +
                                   static_cast<std::size_t>(i1) * input.nb[1];
        const auto *row = reinterpret_cast<const float *>(data + offset);
        for (std::size_t column = 0; column < n_columns; ++column) {
          entry.squares[column] += static_cast<double>(row[column]) * row[column];
        }
      }
    }
  }
  entry.count += ggml_nrows(&input);
}

} // namespace ppocrvl
