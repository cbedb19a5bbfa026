// SPDX-License-Identifier: Apache-2.0
#include "layout/weights.h"

#include "files/row_format.h"
#include "support/error.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <utility>

namespace ppocrvl::layout {
namespace {

/// The file has the window's places within a channel; the kernels want channels within a place.
std::vector<float> by_place(const std::vector<float> &rows, std::int64_t n_rows,
                            std::int64_t n_channels, std::int64_t n_places) {
  if (n_places == 1) {
    return rows;
  }
  std::vector<float> turned(rows.size());
  std::size_t to = 0;
  for (std::int64_t row = 0; row < n_rows; ++row) {
    for (std::int64_t place = 0; place < n_places; ++place) {
      for (std::int64_t channel = 0; channel < n_channels; ++channel) {
        turned[to++] =
            rows[static_cast<std::size_t>((row * n_channels + channel) * n_places + place)];
      }
    }
  }
  return turned;
}

} // namespace

Weights::Weights(const GgufFile &file)
    : file_(file), stream_(std::filesystem::u8path(file.path), std::ios::binary) {
  if (!stream_) {
    throw Error(ErrorKind::model_format,
                file.path + ": cannot be opened for reading; check the permissions");
  }
}

std::vector<float> Weights::read(const std::string &name, std::int64_t n_per_row,
                                 std::int64_t n_rows) {
  const auto fail = [&](const std::string &what) {
    throw Error(ErrorKind::model_format, file_.path + ": the tensor " + name + " " + what +
                                             "; export the layout model again");
  };
  const GgufTensor *tensor = file_.find_tensor(name);
  if (tensor == nullptr) {
    fail("is missing");
  }
  if (tensor->shape[0] != n_per_row || tensor->n_elements() != n_per_row * n_rows) {
    fail("has another shape than the file's keys say");
  }
  const std::string type = tensor_type_name(tensor->type);
  if (type != "F32" && type != "F16" && type != "BF16" && type != "Q8_0") {
    fail("is of the type " + type + ", which layout models do not have");
  }
  std::vector<std::uint8_t> bytes(tensor->n_bytes);
  stream_.clear();
  stream_.seekg(static_cast<std::streamoff>(tensor->offset));
  stream_.read(reinterpret_cast<char *>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!stream_) {
    fail("cannot be read");
  }
  std::vector<float> values(static_cast<std::size_t>(n_per_row * n_rows));
  dequantize_rows(type, bytes.data(), {n_rows, n_per_row}, 1, values.data());
  for (const float value : values) {
    if (!std::isfinite(value)) {
      fail("holds a value that is no finite number");
    }
  }
  return values;
}

const ProductWeights &Weights::product(const std::string &name, std::int64_t n_in,
                                       std::int64_t n_out, std::int64_t size,
                                       const kernels::ConvolutionKernels &kernels) {
  const auto found = products_.find(name);
  if (found != products_.end()) {
    return found->second;
  }
  const std::int64_t n_places = size * size;
  const std::vector<float> rows =
      by_place(read(name + ".weight", n_in * n_places, n_out), n_out, n_in, n_places);
  ProductWeights weights{
      allocate_aligned(kernels.weight_bytes(n_out, n_places, n_in)),
      read(name + ".bias", n_out, 1),
  };
  kernels.pack(rows.data(), n_out, n_places, n_in, weights.packed.get());
  return products_.emplace(name, std::move(weights)).first->second;
}

const DepthwiseWeights &Weights::depthwise(const std::string &name, std::int64_t n_channels,
                                           std::int64_t size) {
  const auto found = depthwise_.find(name);
  if (found != depthwise_.end()) {
    return found->second;
  }
  DepthwiseWeights weights{
      read(name + ".weight", size * size, n_channels),
      read(name + ".bias", n_channels, 1),
  };
  return depthwise_.emplace(name, std::move(weights)).first->second;
}

const NormWeights &Weights::norm(const std::string &name, std::int64_t n_features) {
  const auto found = norms_.find(name);
  if (found != norms_.end()) {
    return found->second;
  }
  NormWeights weights{read(name + ".weight", n_features, 1), read(name + ".bias", n_features, 1)};
  return norms_.emplace(name, std::move(weights)).first->second;
}

const std::vector<float> &Weights::constant(const std::string &name, std::int64_t n_per_row,
                                            std::int64_t n_rows) {
  const auto found = constants_.find(name);
  if (found != constants_.end()) {
    return found->second;
  }
  return constants_.emplace(name, read(name, n_per_row, n_rows)).first->second;
}

FeatureMap Weights::tokens(const std::string &name, std::int64_t n_channels,
                           std::int64_t n_tokens) {
  std::vector<float> &panels = constants_[name];
  FeatureMap map{panels.data(), n_channels * kernels::lanes, n_channels, n_tokens, 1};
  if (panels.empty()) {
    const std::vector<float> rows = read(name, n_channels, n_tokens);
    panels.resize(static_cast<std::size_t>(map.n_panels() * map.stride));
    map.data = panels.data();
    for (std::int64_t token = 0; token < n_tokens; ++token) {
      for (std::int64_t channel = 0; channel < n_channels; ++channel) {
        map.at(channel, token) = rows[static_cast<std::size_t>(token * n_channels + channel)];
      }
    }
  }
  return map;
}

} // namespace ppocrvl::layout
