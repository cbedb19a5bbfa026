// SPDX-License-Identifier: Apache-2.0
#include "files/row_format.h"

#include "files/gguf_file.h"
#include "ggml.h"
#include "support/cpu_count.h"
#include "support/error.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace ppocrvl {

namespace {

constexpr int64_t most_elements = int64_t{1} << 40;
constexpr int most_threads = 256;

/// Integers have no kernels, and Q8_1 and Q8_K only serve inside a product.
bool is_storable(ggml_type type) {
  return type == GGML_TYPE_F32 || type == GGML_TYPE_F16 || type == GGML_TYPE_BF16 ||
         (ggml_is_quantized(type) && ggml_get_type_traits(type)->to_float != nullptr);
}

ggml_type checked_type(const std::string &name, RowShape shape) {
  const auto type = static_cast<ggml_type>(tensor_type_number(name));
  quantized_row_bytes(name, shape.n_per_row); // throws
  if (shape.n_rows < 0 || shape.n_per_row < 1 || shape.n_rows > most_elements / shape.n_per_row) {
    throw Error(ErrorKind::option, std::to_string(shape.n_rows) + " rows of " +
                                       std::to_string(shape.n_per_row) + " elements are no tensor");
  }
  if (!is_storable(type)) {
    throw Error(ErrorKind::option, "tensors are not stored as " + tensor_type_name(type) +
                                       "; take Q8_0, Q6_K, Q5_K, Q4_K, ...");
  }
  return type;
}

void to_float(ggml_type type, const uint8_t *data, float *out, int64_t n) {
  if (type == GGML_TYPE_F32) {
    std::copy_n(reinterpret_cast<const float *>(data), n, out);
  } else {
    ggml_get_type_traits(type)->to_float(data, out, n);
  }
}

bool all_finite(const float *values, int64_t n) {
  return std::all_of(values, values + n, [](float value) { return std::isfinite(value); });
}

/// Block types keep their scales as F16; some of ggml's kernels abort on what is far beyond that.
bool all_representable(ggml_type type, const float *values, int64_t n) {
  constexpr float largest_f16 = 65504.0F;
  return !ggml_is_quantized(type) || std::all_of(values, values + n, [](float value) {
    return std::fabs(value) <= largest_f16;
  });
}

/// Kernels weigh squared values by importance and value, and square sums of that: beyond this they
/// overflow, and some of them abort then.
bool all_weighable(const float *values, int64_t n, float largest_importance) {
  constexpr float largest_product = 1e14F;
  return std::all_of(values, values + n, [&](float value) {
    return value * value * largest_importance <= largest_product;
  });
}

/// Calls work(first row, number of rows) for parts of the rows, on threads; the first exception is
/// thrown again.
void share_rows(int64_t n_rows, int n_threads,
                const std::function<void(int64_t first, int64_t count)> &work) {
  const int64_t wanted = n_threads > 0 ? n_threads : usable_physical_cores();
  const int64_t parts = std::clamp<int64_t>(std::min(wanted, n_rows), 1, most_threads);
  std::exception_ptr failure;
  std::mutex mutex;
  const auto run = [&](int64_t part) {
    const int64_t first = n_rows * part / parts;
    try {
      work(first, n_rows * (part + 1) / parts - first);
    } catch (...) {
      const std::scoped_lock lock(mutex);
      failure = std::current_exception();
    }
  };
  std::vector<std::thread> threads;
  threads.reserve(static_cast<size_t>(parts));
  for (int64_t part = 1; part < parts; ++part) {
    try {
      threads.emplace_back(run, part);
    } catch (const std::system_error &) { // no more threads to be had
      run(part);
    }
  }
  run(0);
  for (std::thread &thread : threads) {
    thread.join();
  }
  if (failure) {
    std::rethrow_exception(failure);
  }
}

/// Row by row, so that what is read back needs no memory of the tensor's size.
void quantize_part(ggml_type type, const float *values, RowShape shape, const float *importance,
                   uint8_t *out, RowLoss *losses) {
  const int64_t n = shape.n_per_row;
  const float largest_importance =
      importance == nullptr ? 0.0F : *std::max_element(importance, importance + n);
  const size_t stride = ggml_row_size(type, n);
  std::vector<float> back(static_cast<size_t>(n));
  for (int64_t row = 0; row < shape.n_rows; ++row) {
    const float *source = values + row * n;
    uint8_t *target = out + static_cast<size_t>(row) * stride;
    if (!all_finite(source, n)) {
      throw Error(ErrorKind::model_format, "it holds NaN or infinity; the file is damaged");
    }
    if (!all_weighable(source, n, largest_importance)) {
      throw Error(
          ErrorKind::model_format,
          "its values are too large for their importance; the importance matrix is damaged");
    }
    const bool fits = all_representable(type, source, n);
    if (fits) {
      ggml_quantize_chunk(type, source, target, 0, 1, n, importance);
      to_float(type, target, back.data(), n);
    }
    if (!fits || !all_finite(back.data(), n)) {
      throw Error(ErrorKind::model_format,
                  "it holds values too large for " + tensor_type_name(type) + "; take BF16");
    }
    for (int64_t i = 0; i < n; ++i) {
      const double value = source[i];
      const double gap = static_cast<double>(back[static_cast<size_t>(i)]) - value;
      losses[row].squared_error += gap * gap;
      losses[row].squared_norm += value * value;
      if (importance != nullptr) {
        losses[row].weighted_error += importance[i] * gap * gap;
        losses[row].weighted_norm += importance[i] * value * value;
      }
    }
  }
}

} // namespace

RowLoss quantize_rows(const std::string &type, const float *values, RowShape shape,
                      const float *importance, int n_threads, uint8_t *out) {
  const ggml_type number = checked_type(type, shape);
  if (importance == nullptr && ggml_quantize_requires_imatrix(number)) {
    throw Error(ErrorKind::option,
                tensor_type_name(number) +
                    " needs an importance matrix; take a type of 3 or more bits");
  }
  if (importance != nullptr && !std::all_of(importance, importance + shape.n_per_row,
                                            [](float w) { return std::isfinite(w) && w >= 0; })) {
    throw Error(ErrorKind::option, "the importance holds negative or infinite weights, or NaN");
  }
  ggml_quantize_init(number); // its tables; takes a lock
  const size_t stride = ggml_row_size(number, shape.n_per_row);
  std::vector<RowLoss> losses(static_cast<size_t>(shape.n_rows));
  share_rows(shape.n_rows, n_threads, [&](int64_t first, int64_t count) {
    quantize_part(number, values + first * shape.n_per_row, {count, shape.n_per_row}, importance,
                  out + static_cast<size_t>(first) * stride, losses.data() + first);
  });
  RowLoss sum; // in the order of the rows, so that it does not depend on the threads
  for (const RowLoss &loss : losses) {
    sum.squared_error += loss.squared_error;
    sum.squared_norm += loss.squared_norm;
    sum.weighted_error += loss.weighted_error;
    sum.weighted_norm += loss.weighted_norm;
  }
  return sum;
}

void dequantize_rows(const std::string &type, const uint8_t *data, RowShape shape, int n_threads,
                     float *out) {
  const ggml_type number = checked_type(type, shape);
  const size_t stride = ggml_row_size(number, shape.n_per_row);
  share_rows(shape.n_rows, n_threads, [&](int64_t first, int64_t count) {
    to_float(number, data + static_cast<size_t>(first) * stride, out + first * shape.n_per_row,
             count * shape.n_per_row);
  });
}

} // namespace ppocrvl
