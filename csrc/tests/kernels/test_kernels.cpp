// SPDX-License-Identifier: Apache-2.0
//
// Every kernel that this CPU can run, against sums in double precision.
#include "ggml.h"
#include "ggml/weight_matrix.h"
#include "kernels/kernels.h"
#include "tests/check.h"
#include "tests/kernels/tested_kernels.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <new>
#include <random>
#include <utility>
#include <vector>

namespace {

using namespace ppocrvl::kernels;

/// Memory of exactly some values at a multiple of 64 bytes, so that a sanitizer sees the first byte
/// too far.
template <typename T> class Buffer {
public:
  explicit Buffer(std::int64_t count, T value = T{})
      : values_(static_cast<std::size_t>(count), value) {}

  T *data() { return values_.data(); }
  T &operator[](std::int64_t i) { return values_[static_cast<std::size_t>(i)]; }
  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(values_.size()); }

private:
  template <typename Element> struct Aligned {
    using value_type = Element;
    static constexpr std::align_val_t alignment{64};

    Aligned() = default;
    template <typename Other> explicit Aligned(const Aligned<Other> & /*other*/) {}
    Element *allocate(std::size_t count) {
      return static_cast<Element *>(::operator new(count * sizeof(Element), alignment));
    }
    void deallocate(Element *data, std::size_t /*count*/) { ::operator delete(data, alignment); }
    bool operator==(const Aligned & /*other*/) const { return true; }
    bool operator!=(const Aligned & /*other*/) const { return false; }
  };

  std::vector<T, Aligned<T>> values_;
};

/// A number that bfloat16 can hold, so that operands are the same in all kernels.
float draw(std::mt19937 &random) {
  return static_cast<float>(static_cast<int>(random() % 129U) - 64) / 64.0F;
}

Buffer<float> drawn(std::mt19937 &random, std::int64_t count) {
  Buffer<float> values(count);
  for (std::int64_t i = 0; i < count; ++i) {
    values[i] = draw(random);
  }
  return values;
}

/// Runs a kernel as some threads would, one after the other.
void in_shares(int count, const std::function<void(Share)> &run) {
  for (int i = 0; i < count; ++i) {
    run({i, count});
  }
}

/// Of threads that run one after the other.
void *thread_scratch() {
  static const Scratch scratch(1);
  return scratch.of(0);
}

struct Weights {
  std::vector<std::byte> bytes;
  std::vector<float> values; // as they are stored
  Matrix matrix;
};

Weights weights(std::mt19937 &random, ggml_type type, std::int64_t rows, std::int64_t columns,
                const float *bias) {
  Weights made{};
  const std::size_t row_bytes = ggml_row_size(type, columns);
  made.bytes.resize(row_bytes * static_cast<std::size_t>(rows));
  made.values.resize(static_cast<std::size_t>(rows * columns));
  std::generate(made.values.begin(), made.values.end(), [&] { return draw(random); });
  ggml_quantize_chunk(type, made.values.data(), made.bytes.data(), 0, rows, columns, nullptr);
  ggml_tensor tensor{};
  tensor.type = type;
  tensor.ne[0] = columns;
  tensor.ne[1] = rows;
  tensor.nb[1] = row_bytes;
  tensor.data = made.bytes.data();
  made.matrix = ppocrvl::matrix_of(tensor);
  made.matrix.bias = bias;
  for (std::int64_t row = 0; row < rows; ++row) {
    made.matrix.to_float(made.bytes.data() + static_cast<std::size_t>(row) * row_bytes,
                         made.values.data() + row * columns, columns);
  }
  return made;
}

/// Where a feature of a patch lies in float panels.
std::int64_t place(std::int64_t n_features, std::int64_t feature, std::int64_t patch) {
  return (patch / lanes * n_features + feature) * lanes + patch % lanes;
}

std::size_t operand_bytes(const Kernels &kernels, std::int64_t n_features, std::int64_t n_panels) {
  return static_cast<std::size_t>(operand_rows(kernels.vision->operands.is_bf16, n_features) *
                                  lanes * n_panels) *
         (kernels.vision->operands.is_bf16 ? 2 : 4);
}

using Bytes = Buffer<std::byte>;

Bytes operand_of(const Kernels &kernels, Buffer<float> &panels, std::int64_t n_features,
                 std::int64_t n_panels) {
  // Filled with NaN: what a kernel must write and does not shows.
  Bytes operand(static_cast<std::int64_t>(operand_bytes(kernels, n_features, n_panels)),
                std::byte{0xFF});
  in_shares(2, [&](Share share) {
    kernels.vision->to_operand(panels.data(), operand.data(), n_features, n_panels, share);
  });
  return operand;
}

float operand_value(const Kernels &kernels, Bytes &operand, std::int64_t n_features,
                    std::int64_t feature, std::int64_t patch) {
  const std::int64_t panel =
      patch / lanes * operand_rows(kernels.vision->operands.is_bf16, n_features) * lanes;
  float value = 0.0F;
  if (kernels.vision->operands.is_bf16) {
    const std::int64_t at = panel + feature / 2 * 2 * lanes + patch % lanes * 2 + feature % 2;
    std::memcpy(reinterpret_cast<std::byte *>(&value) + 2, operand.data() + 2 * at, 2);
  } else {
    std::memcpy(&value, operand.data() + 4 * (panel + feature * lanes + patch % lanes), 4);
  }
  return value;
}

double gelu(double x) {
  const double pi = std::acos(-1.0);
  return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / pi) * (x + 0.044715 * x * x * x)));
}

void each(const std::function<void(const Kernels &)> &run) {
  for (const Kernels &kernels : ppocrvl::test::tested_kernels()) {
    run(kernels);
  }
}

struct Shape {
  ggml_type type = GGML_TYPE_F32;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t n_panels = 0;
  std::int64_t unused = 0; // lanes of the last panel

  [[nodiscard]] std::int64_t n_tokens() const { return n_panels * lanes - unused; }
};

/// Every way to compute linear layers.
void each_linear(const std::function<void(const Kernels &, const LinearKernel &)> &run) {
  each([&](const Kernels &kernels) {
    run(kernels, kernels.vision->linear);
    if (kernels.vision->inner_linear.run != kernels.vision->linear.run) {
      run(kernels, kernels.vision->inner_linear);
    }
  });
}

/// Of a linear layer's largest result, what may be wrong: that, or the rounding to whole numbers.
double bound(const LinearKernel &linear, double without_rounding) {
  switch (linear.numbers) {
  case LinearNumbers::int8:
    return 2e-2;
  case LinearNumbers::int16:
    return 1e-3;
  default:
    return without_rounding;
  }
}

bool has_whole_numbers(const LinearKernel &linear) {
  return linear.numbers == LinearNumbers::int8 || linear.numbers == LinearNumbers::int16;
}

double worse(double worst, double error) { return error <= worst ? worst : error; } // NaN stays

/// The rows behind an operand's last must be zero: the next product reads them.
void check_zeros_behind(const Kernels &kernels, Bytes &operand, std::int64_t n_rows) {
  for (std::int64_t row = n_rows; row < operand_rows(kernels.vision->operands.is_bf16, n_rows);
       ++row) {
    CHECK(operand_value(kernels, operand, n_rows, row, 0) == 0.0F);
  }
}

/// The largest error of a linear layer against double precision, over the largest result.
double linear_error(const Kernels &kernels, const LinearKernel &linear, const Shape &shape,
                    int n_threads, bool has_residual, bool has_gelu) {
  std::mt19937 random(static_cast<unsigned>(shape.rows * 31 + shape.columns));
  Buffer<float> bias = drawn(random, 2 * shape.rows);
  // Without activation, two matrices with one input, as queries and keys have.
  const Weights first = weights(random, shape.type, shape.rows, shape.columns, bias.data());
  const Weights second =
      weights(random, shape.type, shape.rows, shape.columns, bias.data() + shape.rows);
  const std::vector<Matrix> matrices{first.matrix, second.matrix};
  const int n_matrices = has_gelu ? 1 : 2;
  const std::int64_t n_rows = n_matrices * shape.rows;
  Buffer<float> in = drawn(random, shape.columns * lanes * shape.n_panels);
  Buffer<float> residual = drawn(random, n_rows * lanes * shape.n_panels);
  Bytes operand = operand_of(kernels, in, shape.columns, shape.n_panels);
  constexpr float unwritten = std::numeric_limits<float>::quiet_NaN();
  Buffer<float> out(n_rows * lanes * shape.n_panels, unwritten);
  Bytes out_operand(static_cast<std::int64_t>(operand_bytes(kernels, n_rows, shape.n_panels)),
                    std::byte{0xFF});
  Linear task{};
  task.matrices = matrices.data();
  task.n_matrices = n_matrices;
  task.n_tokens = shape.n_tokens();
  task.in = operand.data();
  task.residual = has_residual ? residual.data() : nullptr;
  task.out = has_gelu ? nullptr : out.data();
  task.out_operand = has_gelu ? out_operand.data() : nullptr;
  in_shares(n_threads, [&](Share share) {
    std::memset(thread_scratch(), 0xFF, scratch_bytes); // NaN where nothing was written
    linear.run(task, share, thread_scratch());
  });

  double worst = 0.0;
  double largest = 1.0;
  for (std::int64_t row = 0; row < n_rows; ++row) {
    const Weights &matrix = row < shape.rows ? first : second;
    const float *weight = matrix.values.data() + row % shape.rows * shape.columns;
    for (std::int64_t patch = 0; patch < shape.n_panels * lanes; ++patch) {
      auto wanted = static_cast<double>(bias[row]);
      for (std::int64_t i = 0; i < shape.columns; ++i) {
        wanted += static_cast<double>(weight[i]) *
                  static_cast<double>(in[place(shape.columns, i, patch)]);
      }
      const std::int64_t at = place(n_rows, row, patch);
      if (has_residual) {
        wanted += static_cast<double>(residual[at]);
      }
      wanted = has_gelu ? gelu(wanted) : wanted;
      const auto got = static_cast<double>(
          has_gelu ? operand_value(kernels, out_operand, n_rows, row, patch) : out[at]);
      if (patch >= shape.n_tokens()) { // anything that attention may multiply with zero
        CHECK(std::isfinite(got));
        continue;
      }
      const double error = std::abs(got - wanted);
      worst = worse(worst, error);
      largest = std::max(largest, std::abs(wanted));
    }
  }
  if (has_gelu) {
    check_zeros_behind(kernels, out_operand, n_rows);
  }
  return worst / largest;
}

/// Patches by features, row-major.
using Rows = std::vector<std::vector<double>>;

struct Heads {
  std::int64_t n_heads;
  std::int64_t d_head;
  std::vector<Segment> segments;
  std::int64_t n_panels;
};

/// Attention in double precision over float panels.
class Reference {
public:
  Reference(const Heads &heads, Buffer<float> &qkv, Buffer<float> &angles)
      : heads_(heads), qkv_(qkv), angles_(angles) {}

  Rows attended() {
    const std::int64_t width = heads_.n_heads * heads_.d_head;
    Rows out(static_cast<std::size_t>(heads_.n_panels * lanes),
             std::vector<double>(static_cast<std::size_t>(width)));
    for (const Segment &segment : heads_.segments) {
      for (std::int64_t i = 0; i < segment.n_patches; ++i) {
        const std::int64_t query = segment.first_panel * lanes + i;
        for (std::int64_t head = 0; head < heads_.n_heads; ++head) {
          attend(segment, head, query,
                 &out[static_cast<std::size_t>(query)]
                     [static_cast<std::size_t>(head * heads_.d_head)]);
        }
      }
    }
    return out;
  }

private:
  double value(std::int64_t part, std::int64_t head, std::int64_t i, std::int64_t patch) {
    const std::int64_t n_features = 3 * heads_.n_heads * heads_.d_head;
    const std::int64_t feature = (part * heads_.n_heads + head) * heads_.d_head + i;
    return static_cast<double>(qkv_[place(n_features, feature, patch)]);
  }

  double turned(std::int64_t part, std::int64_t head, std::int64_t i, std::int64_t patch) {
    const std::int64_t d = heads_.d_head;
    const std::int64_t half = d / 2;
    const auto cosine = static_cast<double>(angles_[place(d, i % half, patch)]);
    const auto sine = static_cast<double>(angles_[place(d, half + i % half, patch)]);
    const double here = value(part, head, i, patch);
    const double there = value(part, head, (i + half) % d, patch);
    return i < half ? here * cosine - there * sine : here * cosine + there * sine;
  }

  void attend(const Segment &segment, std::int64_t head, std::int64_t query, double *out) {
    const std::int64_t first = segment.first_panel * lanes;
    std::vector<double> scores;
    for (std::int64_t key = first; key < first + segment.n_patches; ++key) {
      double score = 0.0;
      for (std::int64_t j = 0; j < heads_.d_head; ++j) {
        score += turned(0, head, j, query) * turned(1, head, j, key);
      }
      scores.push_back(score / std::sqrt(static_cast<double>(heads_.d_head)));
    }
    const double greatest = *std::max_element(scores.begin(), scores.end());
    double total = 0.0;
    for (double &score : scores) {
      score = std::exp(score - greatest);
      total += score;
    }
    for (std::int64_t i = 0; i < heads_.d_head; ++i) {
      for (std::size_t key = 0; key < scores.size(); ++key) {
        out[i] += scores[key] / total * value(2, head, i, first + static_cast<std::int64_t>(key));
      }
    }
  }

  const Heads &heads_;
  Buffer<float> &qkv_;
  Buffer<float> &angles_;
};

Bytes run_attention(const Kernels &kernels, const Heads &heads, Buffer<float> &qkv,
                    Buffer<float> &angles, int n_threads) {
  const std::int64_t n_elements =
      heads_elements(kernels.vision->operands, heads.n_heads, heads.d_head, heads.n_panels);
  Bytes ordered(n_elements * (kernels.vision->operands.is_bf16 ? 2 : 4), std::byte{0xFF});
  Rotate rotate{};
  rotate.qkv = qkv.data();
  rotate.angles = angles.data();
  rotate.n_heads = heads.n_heads;
  rotate.d_head = heads.d_head;
  rotate.n_panels = heads.n_panels;
  rotate.out = ordered.data();
  in_shares(n_threads,
            [&](Share share) { kernels.vision->rotate(rotate, share, thread_scratch()); });
  const std::int64_t width = heads.n_heads * heads.d_head;
  Bytes out(static_cast<std::int64_t>(operand_bytes(kernels, width, heads.n_panels)),
            std::byte{0xFF});
  Attention attention{};
  attention.heads = ordered.data();
  attention.n_heads = heads.n_heads;
  attention.d_head = heads.d_head;
  attention.n_panels = heads.n_panels;
  attention.segments = heads.segments.data();
  attention.n_segments = static_cast<std::int64_t>(heads.segments.size());
  attention.out = out.data();
  in_shares(n_threads,
            [&](Share share) { kernels.vision->attention(attention, share, thread_scratch()); });
  return out;
}

Heads some_heads(std::int64_t d_head, const std::vector<std::int64_t> &patches) {
  Heads heads{2, d_head, {}, 0};
  for (const std::int64_t n : patches) {
    heads.segments.push_back({heads.n_panels, panels_of(n), n});
    heads.n_panels += panels_of(n);
  }
  return heads;
}

Buffer<float> angles_of(std::mt19937 &random, const Heads &heads) {
  Buffer<float> angles(heads.d_head * lanes * heads.n_panels);
  for (std::int64_t patch = 0; patch < heads.n_panels * lanes; ++patch) {
    for (std::int64_t i = 0; i < heads.d_head / 2; ++i) {
      const float angle = 3.0F * draw(random);
      angles[place(heads.d_head, i, patch)] = std::cos(angle);
      angles[place(heads.d_head, heads.d_head / 2 + i, patch)] = std::sin(angle);
    }
  }
  return angles;
}

/// Of a token in the middle of two sequences that share a cache: every third cell belongs to
/// another, and nobody sees the last before its time or those from 128 to 256. From the second
/// panel on, tokens see nothing before cells that lie within a block, each before another.
bool sees(std::int64_t token, std::int64_t n_tokens, std::int64_t cell, std::int64_t n_cells) {
  const bool is_foreign = cell % 3 == 1 || (cell >= 128 && cell < 256);
  const std::int64_t last = n_cells - n_tokens + token;
  const std::int64_t first = token < lanes ? 0 : std::min<std::int64_t>(70 + token % 7, last);
  return cell == first || (!is_foreign && cell > first && cell <= last);
}

/// Attention to a cache, and the same in double precision. Cells that nobody sees are NaN.
class CacheCase {
public:
  CacheCase(std::int64_t d_head, std::int64_t n_tokens, std::int64_t n_cells)
      : d_head_(d_head), n_tokens_(n_tokens), n_cells_(n_cells),
        queries_(drawn(random_, n_tokens * n_heads * d_head)), keys_(n_cells * cell_size()),
        values_(n_cells * cell_size()), mask_(n_tokens * n_cells, ggml_fp32_to_fp16(-INFINITY)) {
    for (std::int64_t cell = 0; cell < n_cells; ++cell) {
      fill(cell);
    }
    const auto cell_bytes = static_cast<std::size_t>(cell_size()) * sizeof(std::uint16_t);
    const auto head_bytes = static_cast<std::size_t>(d_head) * sizeof(std::uint16_t);
    task_.queries = {
        bytes(queries_),
        static_cast<std::size_t>(n_heads * d_head) * sizeof(float),
        static_cast<std::size_t>(d_head) * sizeof(float),
    };
    task_.keys = {bytes(keys_), cell_bytes, head_bytes};
    task_.values = {bytes(values_), cell_bytes, head_bytes};
    task_.mask = mask_.data();
    task_.mask_stride = n_cells;
    task_.scale = 0.5F;
    task_.n_heads = n_heads;
    task_.n_cache_heads = n_cache_heads;
    task_.d_head = d_head;
    task_.n_tokens = n_tokens;
    task_.n_cells = n_cells;
  }

  double worst_error(const Kernels &kernels) {
    Bytes work(static_cast<std::int64_t>(cache_work_bytes(kernels.decoder->operands, task_)),
               std::byte{0xFF});
    Buffer<float> out(n_tokens_ * n_heads * d_head_, NAN);
    task_.work = work.data();
    task_.out = out.data();
    in_shares(3, [&](Share share) { kernels.decoder->pack_cache(task_, share, thread_scratch()); });
    in_shares(3,
              [&](Share share) { kernels.decoder->attend_cache(task_, share, thread_scratch()); });
    return worst_error_of(out);
  }

  double worst_error_for_few(const Kernels &kernels, int n_shares) {
    Buffer<float> out(n_tokens_ * n_heads * d_head_, NAN);
    task_.work = nullptr;
    task_.out = out.data();
    in_shares(n_shares,
              [&](Share share) { kernels.decoder->few_queries(task_, share, thread_scratch()); });
    return worst_error_of(out);
  }

private:
  static constexpr std::int64_t n_heads = 6;
  static constexpr std::int64_t n_cache_heads = 2;

  [[nodiscard]] double worst_error_of(Buffer<float> &out) const {
    double worst = 0.0;
    for (std::int64_t i = 0; i < n_tokens_ * n_heads; ++i) {
      const auto expected = wanted(i / n_heads, i % n_heads);
      for (std::int64_t f = 0; f < d_head_; ++f) {
        const double error =
            expected[static_cast<std::size_t>(f)] - static_cast<double>(out[i * d_head_ + f]);
        worst = worse(worst, std::abs(error));
      }
    }
    return worst;
  }

  template <typename Values> static const std::byte *bytes(Values &values) {
    return reinterpret_cast<const std::byte *>(values.data());
  }

  /// The cache's rows are longer than what attention reads of them.
  [[nodiscard]] std::int64_t cell_size() const { return n_cache_heads * d_head_ + 8; }

  void fill(std::int64_t cell) {
    bool is_seen = false;
    for (std::int64_t token = 0; token < n_tokens_; ++token) {
      if (sees(token, n_tokens_, cell, n_cells_)) {
        mask_[token * n_cells_ + cell] = 0;
        is_seen = true;
      }
    }
    for (std::int64_t i = cell * cell_size(); i < (cell + 1) * cell_size(); ++i) {
      keys_[i] = ggml_fp32_to_fp16(is_seen ? draw(random_) : NAN);
      values_[i] = ggml_fp32_to_fp16(is_seen ? draw(random_) : NAN);
    }
  }

  [[nodiscard]] std::vector<double> wanted(std::int64_t token, std::int64_t head) const {
    const float *query = task_.queries.at(token, head);
    const std::int64_t cache_head = head / (n_heads / n_cache_heads);
    const auto value = [](std::uint16_t half) {
      return static_cast<double>(ggml_fp16_to_fp32(half));
    };
    std::vector<double> sums(static_cast<std::size_t>(d_head_));
    double total = 0.0;
    for (std::int64_t cell = 0; cell < n_cells_; ++cell) {
      if (!sees(token, n_tokens_, cell, n_cells_)) {
        continue;
      }
      double score = 0.0;
      for (std::int64_t i = 0; i < d_head_; ++i) {
        score += static_cast<double>(query[i]) * value(task_.keys.at(cell, cache_head)[i]);
      }
      const double weight = std::exp(score / 2);
      total += weight;
      for (std::size_t i = 0; i < sums.size(); ++i) {
        sums[i] += weight * value(task_.values.at(cell, cache_head)[i]);
      }
    }
    for (double &sum : sums) {
      sum /= total;
    }
    return sums;
  }

  std::mt19937 random_{13};
  std::int64_t d_head_;
  std::int64_t n_tokens_;
  std::int64_t n_cells_;
  Buffer<float> queries_;
  Buffer<std::uint16_t> keys_;
  Buffer<std::uint16_t> values_;
  Buffer<std::uint16_t> mask_;
  CacheAttention task_{};
};

/// The largest error of a linear layer from rows to rows, over the largest result.
double rows_error(const Kernels &kernels, std::int64_t columns, std::int64_t n_tokens) {
  constexpr std::int64_t n_rows = 75;
  std::mt19937 random(11);
  const Weights layer = weights(random, GGML_TYPE_BF16, n_rows, columns, nullptr);
  Buffer<float> in = drawn(random, n_tokens * columns);
  Bytes operand(static_cast<std::int64_t>(operand_bytes(kernels, columns, panels_of(n_tokens))),
                std::byte{0xFF});
  in_shares(3, [&](Share share) {
    kernels.decoder->rows_to_operand(in.data(), operand.data(), columns, n_tokens, share);
  });
  Buffer<float> out(n_tokens * n_rows, std::numeric_limits<float>::quiet_NaN());
  Linear task{};
  task.matrices = &layer.matrix;
  task.n_matrices = 1;
  task.n_tokens = n_tokens;
  task.in = operand.data();
  task.out_rows = out.data();
  in_shares(2, [&](Share share) { kernels.decoder->linear(task, share, thread_scratch()); });
  double worst = 0.0;
  double largest = 0.0;
  for (std::int64_t at = 0; at < n_tokens * n_rows; ++at) {
    const float *weight = layer.values.data() + at % n_rows * columns;
    double wanted = 0.0;
    for (std::int64_t i = 0; i < columns; ++i) {
      wanted += static_cast<double>(weight[i]) * static_cast<double>(in[at / n_rows * columns + i]);
    }
    worst = worse(worst, std::abs(wanted - static_cast<double>(out[at])));
    largest = std::max(largest, std::abs(wanted));
  }
  return worst / largest;
}

double product_of_rows(const Weights &layer, std::int64_t row,
                       const std::function<float(std::int64_t)> &in) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < layer.matrix.columns; ++i) {
    const float weight = layer.values[static_cast<std::size_t>(row * layer.matrix.columns + i)];
    sum += static_cast<double>(weight) * static_cast<double>(in(i));
  }
  return sum;
}

/// The largest error of few tokens' products.
double few_tokens_error(const Kernels &kernels, ggml_type type, std::int64_t columns,
                        std::int64_t n_tokens) {
  constexpr std::int64_t rows = 39; // no multiple of what is summed at once
  std::mt19937 random(23);
  Weights layer = weights(random, type, rows, columns, nullptr);
  if (type != GGML_TYPE_Q8_0 || !kernels.decoder->has_plain_q8_0) {
    for (float &value : layer.values) { // as kernels round those of other formats
      value = ggml_bf16_to_fp32(ggml_fp32_to_bf16(value));
    }
  }
  const bool is_bf16 = kernels.decoder->operands.is_bf16;
  Buffer<float> in = drawn(random, n_tokens * columns);
  Buffer<std::uint16_t> rounded(n_tokens * columns);
  for (std::int64_t i = 0; i < in.size(); ++i) {
    rounded[i] = ggml_fp32_to_bf16(in[i]).bits;
  }
  Buffer<float> out(n_tokens * rows, std::numeric_limits<float>::quiet_NaN());
  in_shares(3, [&](Share share) {
    kernels.decoder->few_tokens(
        {
            &layer.matrix,
            is_bf16 ? rounded.data() : nullptr,
            out.data(),
            n_tokens,
            is_bf16 ? nullptr : in.data(),
        },
        share, thread_scratch());
  });
  double worst = 0.0;
  for (std::int64_t i = 0; i < out.size(); ++i) {
    const double sum = product_of_rows(
        layer, i % rows, [&](std::int64_t column) { return in[i / rows * columns + column]; });
    worst = worse(worst, std::abs(static_cast<double>(out[i]) - sum));
  }
  return worst;
}

/// The largest error, over the sum of the products' magnitudes, of a linear layer whose weights and
/// inputs are whole numbers, of which each row and each patch have all that bytes or 16 bits can
/// hold, so that one step is 1.
double whole_numbers_error(const Kernels &kernels, const LinearKernel &linear,
                           std::int64_t columns) {
  constexpr std::int64_t rows = 45;
  constexpr std::int64_t n_panels = 2;
  constexpr std::int64_t scaled_columns = 128; // the largest are in all that have a scale
  const bool has_16_bits = linear.numbers == LinearNumbers::int16;
  const int row_steps = has_16_bits ? 2047 : 127;
  std::mt19937 random(22);
  const auto whole = [&](int least, int greatest) {
    const auto count = static_cast<unsigned>(greatest - least + 1);
    return static_cast<float>(static_cast<int>(random() % count) + least);
  };
  Weights layer = weights(random, GGML_TYPE_F32, rows, columns, nullptr);
  for (std::int64_t i = 0; i < rows * columns; ++i) {
    layer.values[static_cast<std::size_t>(i)] = i % columns % scaled_columns == 0
                                                    ? -static_cast<float>(row_steps)
                                                    : whole(-row_steps, row_steps);
  }
  std::memcpy(layer.bytes.data(), layer.values.data(), layer.bytes.size());
  Buffer<float> in(columns * lanes * n_panels);
  for (std::int64_t patch = 0; patch < lanes * n_panels; ++patch) {
    const int least = has_16_bits ? -8191 : -static_cast<int>(patch);
    const int greatest = has_16_bits ? 8191 : least + 253;
    for (std::int64_t column = 0; column < columns; ++column) {
      in[place(columns, column, patch)] = whole(least, greatest);
    }
    for (std::int64_t column = 0; column < columns; column += scaled_columns) {
      in[place(columns, column, patch)] = static_cast<float>(least);
      if (column + 1 < columns) {
        in[place(columns, column + 1, patch)] = static_cast<float>(greatest);
      }
    }
  }
  Bytes operand = operand_of(kernels, in, columns, n_panels);
  Buffer<float> out(rows * lanes * n_panels);
  Linear task{};
  task.matrices = &layer.matrix;
  task.n_matrices = 1;
  task.n_tokens = n_panels * lanes;
  task.in = operand.data();
  task.out = out.data();
  in_shares(2, [&](Share share) { linear.run(task, share, thread_scratch()); });
  double worst = 0.0;
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t patch = 0; patch < lanes * n_panels; ++patch) {
      const double sum = product_of_rows(
          layer, row, [&](std::int64_t column) { return in[place(columns, column, patch)]; });
      double magnitude = 0.0;
      for (std::int64_t column = 0; column < columns; ++column) {
        magnitude += std::abs(
            static_cast<double>(layer.values[static_cast<std::size_t>(row * columns + column)]) *
            static_cast<double>(in[place(columns, column, patch)]));
      }
      const double error = static_cast<double>(out[place(rows, row, patch)]) - sum;
      worst = worse(worst, std::abs(error) / std::max(magnitude, 1.0));
    }
  }
  return worst;
}

/// The largest error of a linear layer, over its largest result, where inputs of one patch are
/// 1024 times the others, and those of 128 features in all patches, whose weights are zero.
double error_beside_outliers(const Kernels &kernels) {
  constexpr std::int64_t rows = 8;
  constexpr std::int64_t columns = 400;
  std::mt19937 random(26);
  Weights layer = weights(random, GGML_TYPE_F32, rows, columns, nullptr);
  Buffer<float> in = drawn(random, columns * lanes);
  for (std::int64_t column = 0; column < columns; ++column) {
    const bool is_outlier = column >= 128 && column < 256;
    for (std::int64_t row = 0; is_outlier && row < rows; ++row) {
      layer.values[static_cast<std::size_t>(row * columns + column)] = 0.0F;
    }
    for (std::int64_t patch = 0; patch < lanes; ++patch) {
      in[place(columns, column, patch)] *= is_outlier || patch == 5 ? 1024.0F : 1.0F;
    }
  }
  std::memcpy(layer.bytes.data(), layer.values.data(), layer.bytes.size());
  Bytes operand = operand_of(kernels, in, columns, 1);
  Buffer<float> out(rows * lanes);
  Linear task{};
  task.matrices = &layer.matrix;
  task.n_matrices = 1;
  task.n_tokens = lanes;
  task.in = operand.data();
  task.out = out.data();
  kernels.vision->linear.run(task, {0, 1}, thread_scratch());
  double worst = 0.0;
  double largest = 0.0;
  for (std::int64_t patch = 0; patch < lanes; ++patch) {
    const double scale = patch == 5 ? 1024.0 : 1.0;
    for (std::int64_t row = 0; row < rows; ++row) {
      const double sum = product_of_rows(
          layer, row, [&](std::int64_t column) { return in[place(columns, column, patch)]; });
      const double error = static_cast<double>(out[place(rows, row, patch)]) - sum;
      worst = worse(worst, std::abs(error) / scale);
      largest = std::max(largest, std::abs(sum) / scale);
    }
  }
  return worst / largest;
}

/// A product of rows and inputs that are all 1, over their number: no sum can be larger.
double all_ones(const Kernels &kernels, const LinearKernel &linear, std::int64_t columns,
                std::int64_t n_tokens) {
  std::mt19937 random(25);
  Weights layer = weights(random, GGML_TYPE_F32, 8, columns, nullptr);
  std::fill(layer.values.begin(), layer.values.end(), 1.0F);
  std::memcpy(layer.bytes.data(), layer.values.data(), layer.bytes.size());
  Buffer<float> in(columns * lanes, 1.0F);
  Bytes operand = operand_of(kernels, in, columns, 1);
  Buffer<float> out(8 * lanes);
  Linear task{};
  task.matrices = &layer.matrix;
  task.n_matrices = 1;
  task.n_tokens = n_tokens;
  task.in = operand.data();
  task.out = out.data();
  linear.run(task, {0, 1}, thread_scratch());
  return static_cast<double>(out[place(8, 7, n_tokens - 1)]) / static_cast<double>(columns);
}

/// Weights as a product with the identity shows them: [columns][rows].
Buffer<float> shown_weights(const Kernels &kernels, const Weights &layer) {
  const std::int64_t columns = layer.matrix.columns;
  Buffer<float> identity(columns * columns);
  for (std::int64_t i = 0; i < columns; ++i) {
    identity[i * columns + i] = 1.0F;
  }
  Bytes operand(static_cast<std::int64_t>(operand_bytes(kernels, columns, panels_of(columns))));
  kernels.decoder->rows_to_operand(identity.data(), operand.data(), columns, columns, {0, 1});
  Buffer<float> out(columns * layer.matrix.rows);
  Linear task{};
  task.matrices = &layer.matrix;
  task.n_matrices = 1;
  task.n_tokens = columns;
  task.in = operand.data();
  task.out_rows = out.data();
  kernels.decoder->linear(task, {0, 1}, thread_scratch());
  return out;
}

} // namespace

TEST_CASE("kernels: linear layers of odd sizes") {
  each_linear([](const Kernels &kernels, const LinearKernel &linear) {
    for (const Shape &shape : {
             Shape{GGML_TYPE_F32, 1, 1, 1},
             Shape{GGML_TYPE_F32, 33, 31, 1},
             Shape{GGML_TYPE_BF16, 70, 100, 3},
             Shape{GGML_TYPE_BF16, 16, 32, 9},
             Shape{GGML_TYPE_BF16, 65, 1536, 2},
             Shape{GGML_TYPE_F32, 130, 66, 20},
             Shape{GGML_TYPE_F32, 33, 31, 1, 31},
             Shape{GGML_TYPE_BF16, 70, 96, 3, 15},
             Shape{GGML_TYPE_BF16, 70, 96, 3, 16},
             Shape{GGML_TYPE_BF16, 65, 1536, 2, 20},
         }) {
      for (const int n_threads : {1, 2, 3, 4, 6}) {
        CHECK(linear_error(kernels, linear, shape, n_threads, false, false) < bound(linear, 1e-6));
        CHECK(linear_error(kernels, linear, shape, n_threads, true, false) < bound(linear, 1e-6));
        CHECK(
            linear_error(kernels, linear, shape, n_threads, false, true) <
            bound(linear, kernels.vision->operands.is_bf16 ? 4e-3 : 1e-6)); // the result is rounded
      }
    }
  });
}

TEST_CASE("kernels: rows longer than a block of columns") {
  each_linear([](const Kernels &kernels, const LinearKernel &linear) {
    for (const std::int64_t columns : {1537, 2600, 4304, 8200}) {
      const Shape shape{GGML_TYPE_BF16, 34, columns, 5, 16};
      CHECK(linear_error(kernels, linear, shape, 2, true, false) < bound(linear, 1e-6));
      CHECK(linear_error(kernels, linear, shape, 2, false, false) < bound(linear, 1e-6));
    }
  });
}

TEST_CASE("kernels: quantized weights") {
  each_linear([](const Kernels &kernels, const LinearKernel &linear) {
    // bfloat16 operands round once more.
    const double most = bound(linear, kernels.vision->operands.is_bf16 ? 4e-3 : 1e-6);
    for (const ggml_type type : {
             GGML_TYPE_Q8_0,
             GGML_TYPE_Q5_0,
             GGML_TYPE_Q4_0,
             GGML_TYPE_Q4_1,
             GGML_TYPE_IQ4_NL,
             GGML_TYPE_F16,
         }) {
      CHECK(linear_error(kernels, linear, {type, 40, 96, 2}, 2, false, false) < most);
    }
    for (const ggml_type type : {GGML_TYPE_Q4_K, GGML_TYPE_Q5_K, GGML_TYPE_Q6_K}) {
      CHECK(linear_error(kernels, linear, {type, 10, 256, 2}, 1, false, false) < most);
      CHECK(linear_error(kernels, linear, {type, 10, 4352, 2}, 2, true, false) < most);
    }
  });
}

TEST_CASE("kernels: quantized weights are ggml's to the bit, rounded at most once") {
  each([](const Kernels &kernels) {
    if (has_whole_numbers(kernels.vision->linear)) {
      return;
    }
    std::mt19937 random(21);
    for (const ggml_type type : {
             GGML_TYPE_Q8_0,
             GGML_TYPE_Q5_0,
             GGML_TYPE_Q4_0,
             GGML_TYPE_IQ4_NL,
             GGML_TYPE_Q4_K,
             GGML_TYPE_Q5_K,
             GGML_TYPE_Q6_K,
             GGML_TYPE_Q3_K, // read by ggml itself
         }) {
      constexpr std::int64_t rows = 67;
      constexpr std::int64_t columns = 512;
      Weights layer = weights(random, type, rows, columns, nullptr);
      Buffer<float> shown = shown_weights(kernels, layer);
      std::int64_t n_wrong = 0;
      for (std::int64_t row = 0; row < rows; ++row) {
        for (std::int64_t column = 0; column < columns; ++column) {
          float wanted = layer.values[static_cast<std::size_t>(row * columns + column)];
          if (kernels.vision->operands.is_bf16) {
            wanted = ggml_bf16_to_fp32(ggml_fp32_to_bf16(wanted));
          }
          n_wrong += shown[column * rows + row] == wanted ? 0 : 1;
        }
      }
      CHECK_EQUAL(n_wrong, 0);
    }
  });
}

TEST_CASE("kernels: whole numbers that need no rounding have exact sums") {
  each_linear([](const Kernels &kernels, const LinearKernel &linear) {
    for (const std::int64_t columns : {2, 37, 1152, 4304}) {
      CHECK(whole_numbers_error(kernels, linear, columns) < 1e-6);
    }
  });
}

TEST_CASE("kernels: more panels than a thread keeps in its caches") {
  each_linear([](const Kernels &kernels, const LinearKernel &linear) {
    for (const std::int64_t columns : {1536, 1537}) {
      const Shape shape{GGML_TYPE_BF16, 34, columns, 34, 3};
      CHECK(linear_error(kernels, linear, shape, 1, true, false) < bound(linear, 1e-6));
    }
  });
}

TEST_CASE("kernels: in 16 bits outliers make only what is beside them coarse") {
  each([](const Kernels &kernels) {
    if (kernels.vision->linear.numbers != LinearNumbers::int8) {
      CHECK(error_beside_outliers(kernels) < bound(kernels.vision->linear, 1e-6));
    }
  });
}

TEST_CASE("kernels: the largest sums fit") {
  each_linear([](const Kernels &kernels, const LinearKernel &linear) {
    for (const std::int64_t columns : {127, 128, 1152, 8192}) {
      CHECK(std::abs(all_ones(kernels, linear, columns, 32) - 1.0) < 1e-5);
      CHECK(std::abs(all_ones(kernels, linear, columns, 16) - 1.0) < 1e-5);
    }
  });
}

TEST_CASE("kernels: linear layers to rows, as a decoder wants them") {
  each([](const Kernels &kernels) {
    for (const std::int64_t columns : {37, 64, 3072}) {
      for (const std::int64_t n_tokens : {1, 3, 33, 70}) {
        CHECK(rows_error(kernels, columns, n_tokens) < 1e-6);
      }
    }
  });
}

TEST_CASE("kernels: products of few tokens") {
  each([](const Kernels &kernels) {
    if (kernels.decoder->few_tokens == nullptr) {
      return;
    }
    for (std::int64_t n_tokens = 1; n_tokens <= most_few_tokens; ++n_tokens) {
      for (const std::int64_t columns : {32, 96, 3072}) {
        for (const ggml_type type :
             {GGML_TYPE_BF16, GGML_TYPE_Q8_0, GGML_TYPE_Q5_0, GGML_TYPE_Q4_0, GGML_TYPE_IQ4_NL}) {
          if (type == GGML_TYPE_BF16 || kernels.decoder->operands.is_bf16) {
            CHECK(few_tokens_error(kernels, type, columns, n_tokens) < 1e-3);
          }
        }
      }
      if (!kernels.decoder->operands.is_bf16) { // reads bfloat16 alone
        continue;
      }
      for (const ggml_type type : {GGML_TYPE_Q4_K, GGML_TYPE_Q5_K, GGML_TYPE_Q6_K}) {
        CHECK(few_tokens_error(kernels, type, 256, n_tokens) < 1e-3);
        CHECK(few_tokens_error(kernels, type, 4352, n_tokens) < 1e-3);
      }
    }
  });
}

TEST_CASE("kernels: few tokens in whole numbers: outliers, zeros and NaN") {
  each([](const Kernels &kernels) {
    if (!kernels.decoder->has_plain_q8_0) {
      return;
    }
    constexpr std::int64_t rows = 5;
    constexpr std::int64_t columns = 128;
    constexpr std::int64_t n_tokens = 3;
    std::mt19937 random(31);
    const Weights layer = weights(random, GGML_TYPE_Q8_0, rows, columns, nullptr);
    std::vector<float> in(n_tokens * columns);
    for (std::size_t i = 0; i < columns; ++i) {
      // Of each 32 the first is 8192 times the others, some of which are less than half a step.
      in[i] = i % 32 == 0 ? 8192.0F : draw(random);
    }
    in[2 * columns + 5] = std::numeric_limits<float>::quiet_NaN();
    std::vector<std::uint16_t> rounded(in.size());
    for (std::size_t i = 0; i < in.size(); ++i) {
      rounded[i] = ggml_fp32_to_bf16(in[i]).bits;
    }
    std::vector<float> out(n_tokens * rows, std::numeric_limits<float>::quiet_NaN());
    kernels.decoder->few_tokens({&layer.matrix, rounded.data(), out.data(), n_tokens, nullptr},
                                {0, 1}, thread_scratch());
    for (std::int64_t row = 0; row < rows; ++row) {
      const double sum = product_of_rows(
          layer, row, [&](std::int64_t column) { return in[static_cast<std::size_t>(column)]; });
      const auto at = static_cast<std::size_t>(row);
      // Half a step of 1 for each of 124 numbers, times weights of at most 1.
      CHECK(std::abs(static_cast<double>(out[at]) - sum) < 62.0);
      CHECK(out[rows + at] == 0.0F);
      CHECK(std::isnan(out[2 * rows + at]));
    }
  });
}

TEST_CASE("kernels: rows to operands as by way of panels") {
  each([](const Kernels &kernels) {
    std::mt19937 random(12);
    for (const std::int64_t n_features : {1, 31, 37, 64, 100}) {
      for (const std::int64_t n_rows : {1, 31, 32, 33, 100}) {
        const std::int64_t n_panels = panels_of(n_rows);
        Buffer<float> rows = drawn(random, n_rows * n_features);
        Buffer<float> panels(n_features * lanes * n_panels);
        kernels.vision->to_panels(rows.data(), panels.data(), n_features, n_rows, {0, 1});
        Bytes wanted = operand_of(kernels, panels, n_features, n_panels);
        Bytes got(wanted.size(), std::byte{0xFF});
        in_shares(3, [&](Share share) {
          kernels.decoder->rows_to_operand(rows.data(), got.data(), n_features, n_rows, share);
        });
        CHECK(std::equal(got.data(), got.data() + got.size(), wanted.data()));
      }
    }
  });
}

TEST_CASE("kernels: panels and back") {
  each([](const Kernels &kernels) {
    std::mt19937 random(4);
    for (const std::int64_t n_rows : {1, 31, 32, 33, 100}) {
      constexpr std::int64_t n_features = 37;
      Buffer<float> rows = drawn(random, n_rows * n_features);
      Buffer<float> panels(n_features * lanes * panels_of(n_rows), -1.0F);
      Buffer<float> back(n_rows * n_features);
      in_shares(3, [&](Share share) {
        kernels.vision->to_panels(rows.data(), panels.data(), n_features, n_rows, share);
      });
      in_shares(3, [&](Share share) {
        kernels.vision->from_panels(panels.data(), back.data(), n_features, n_rows, share);
      });
      CHECK(std::equal(rows.data(), rows.data() + rows.size(), back.data()));
      for (std::int64_t lane = n_rows; lane < panels_of(n_rows) * lanes; ++lane) {
        CHECK(panels[place(n_features, 3, lane)] == 0.0F);
      }
    }
  });
}

TEST_CASE("kernels: layer norm") {
  each([](const Kernels &kernels) {
    std::mt19937 random(5);
    for (const std::int64_t n : {1, 2, 37, 200, 1152}) {
      constexpr std::int64_t n_panels = 3;
      Buffer<float> in = drawn(random, n * lanes * n_panels);
      for (std::int64_t i = 0; i < in.size(); ++i) {
        in[i] += 100.0F; // a mean far from zero, as residual streams have
      }
      Buffer<float> weight = drawn(random, n);
      Buffer<float> bias = drawn(random, n);
      Bytes out(static_cast<std::int64_t>(operand_bytes(kernels, n, n_panels)), std::byte{0xFF});
      constexpr float epsilon = 1e-6F;
      const Norm task{in.data(), weight.data(), bias.data(), epsilon, n, n_panels, out.data()};
      in_shares(2, [&](Share share) { kernels.vision->norm(task, share); });
      for (std::int64_t patch = 0; patch < n_panels * lanes; ++patch) {
        double mean = 0.0;
        double variance = 0.0;
        for (std::int64_t i = 0; i < n; ++i) {
          mean += static_cast<double>(in[place(n, i, patch)]) / static_cast<double>(n);
        }
        for (std::int64_t i = 0; i < n; ++i) {
          const double difference = static_cast<double>(in[place(n, i, patch)]) - mean;
          variance += difference * difference / static_cast<double>(n);
        }
        for (std::int64_t i = 0; i < n; ++i) {
          const double wanted = (static_cast<double>(in[place(n, i, patch)]) - mean) /
                                    std::sqrt(variance + static_cast<double>(epsilon)) *
                                    static_cast<double>(weight[i]) +
                                static_cast<double>(bias[i]);
          const auto got = static_cast<double>(operand_value(kernels, out, n, i, patch));
          CHECK(std::abs(got - wanted) < (kernels.vision->operands.is_bf16 ? 2e-2 : 2e-4));
        }
      }
    }
  });
}

TEST_CASE("kernels: attention of pictures of all sizes beside each other") {
  each([](const Kernels &kernels) {
    for (const std::int64_t d_head : {4, 32, 72}) {
      for (const std::vector<std::int64_t> &patches :
           {std::vector<std::int64_t>{1}, {4, 33}, {129, 2, 64}, {300}}) {
        std::mt19937 random(6);
        const Heads heads = some_heads(d_head, patches);
        Buffer<float> qkv = drawn(random, 6 * d_head * lanes * heads.n_panels);
        Buffer<float> angles = angles_of(random, heads);
        Bytes out = run_attention(kernels, heads, qkv, angles, 3);
        const Rows wanted = Reference(heads, qkv, angles).attended();
        double worst = 0.0;
        for (const Segment &segment : heads.segments) {
          for (std::int64_t i = 0; i < segment.n_patches; ++i) {
            const std::int64_t patch = segment.first_panel * lanes + i;
            for (std::int64_t f = 0; f < 2 * d_head; ++f) {
              const double error =
                  std::abs(static_cast<double>(operand_value(kernels, out, 2 * d_head, f, patch)) -
                           wanted[static_cast<std::size_t>(patch)][static_cast<std::size_t>(f)]);
              worst = worse(worst, error);
            }
          }
        }
        CHECK(worst < (kernels.vision->operands.is_bf16 ? 1e-2 : 2e-6));
      }
    }
  });
}

TEST_CASE("kernels: attention of a decoder sees what the mask shows, and no NaN elsewhere") {
  each([](const Kernels &kernels) {
    for (const std::int64_t d_head : {32, 128}) {
      for (const auto &[n_tokens, n_cells] :
           {std::pair<std::int64_t, std::int64_t>{1, 5}, {16, 64}, {40, 300}, {150, 512}}) {
        CHECK(CacheCase(d_head, n_tokens, n_cells).worst_error(kernels) <
              (kernels.vision->operands.is_bf16 ? 1e-2 : 1e-5));
      }
    }
  });
}

TEST_CASE("kernels: attention of few tokens is that of many") {
  each([](const Kernels &kernels) {
    if (kernels.decoder->few_queries == nullptr) {
      return;
    }
    for (const std::int64_t d_head : {32, 128, 160, 256}) {
      for (const auto &[n_tokens, n_cells] :
           {std::pair<std::int64_t, std::int64_t>{1, 5}, {1, 300}, {3, 31}, {15, 400}}) {
        for (const int n_shares : {1, 3, 7, 64}) {
          CHECK(CacheCase(d_head, n_tokens, n_cells).worst_error_for_few(kernels, n_shares) < 1e-5);
        }
      }
    }
  });
}

TEST_CASE("kernels: scores far apart, and no picture sees another's NaN") {
  each([](const Kernels &kernels) {
    std::mt19937 random(7);
    const Heads heads = some_heads(8, {40, 40});
    Buffer<float> qkv = drawn(random, 48 * lanes * heads.n_panels);
    for (std::int64_t patch = 0; patch < heads.n_panels * lanes; ++patch) {
      for (std::int64_t f = 0; f < 32; ++f) {
        qkv[place(48, f, patch)] *= 200.0F; // queries and keys: scores of some thousands
      }
    }
    qkv[place(48, 33, 64 + 5)] = std::numeric_limits<float>::quiet_NaN(); // of the second picture
    Buffer<float> angles = angles_of(random, heads);
    Bytes out = run_attention(kernels, heads, qkv, angles, 1);
    const Rows wanted = Reference(heads, qkv, angles).attended();
    CHECK(std::isnan(operand_value(kernels, out, 16, 1, 64)));
    for (std::int64_t patch = 0; patch < 40; ++patch) {
      for (std::int64_t f = 0; f < 16; ++f) {
        const auto got = static_cast<double>(operand_value(kernels, out, 16, f, patch));
        CHECK(std::isfinite(got));
        if (!kernels.vision->operands.is_bf16) { // rounded scores of thousands choose other keys
          CHECK(
              std::abs(got - wanted[static_cast<std::size_t>(patch)][static_cast<std::size_t>(f)]) <
              5e-3);
        }
      }
    }
  });
}

TEST_CASE("kernels: NaN in a product comes out, denormal numbers do no harm") {
  each_linear([](const Kernels &kernels, const LinearKernel &linear) {
    constexpr std::int64_t columns = 300;
    std::mt19937 random(8);
    Buffer<float> bias(3);
    Weights made = weights(random, GGML_TYPE_F32, 3, columns, bias.data());
    const float nan = std::numeric_limits<float>::quiet_NaN();
    std::memcpy(made.bytes.data() + made.bytes.size() - sizeof nan, &nan, sizeof nan);
    Buffer<float> in(columns * lanes);
    in[place(columns, 7, 2)] = std::numeric_limits<float>::quiet_NaN();
    in[place(columns, 7, 3)] = std::numeric_limits<float>::denorm_min();
    in[place(columns, 7, 4)] = std::numeric_limits<float>::infinity();
    Bytes operand = operand_of(kernels, in, columns, 1);
    Buffer<float> out(3 * lanes);
    Linear task{};
    task.matrices = &made.matrix;
    task.n_matrices = 1;
    task.n_tokens = lanes;
    task.in = operand.data();
    task.out = out.data();
    linear.run(task, {0, 1}, thread_scratch());
    CHECK(std::isnan(out[place(3, 0, 2)]));
    CHECK(std::abs(out[place(3, 0, 3)]) < 1e-30F);
    CHECK(!std::isfinite(out[place(3, 0, 4)]));
    CHECK(out[place(3, 0, 5)] == 0.0F);
    CHECK(std::isnan(out[place(3, 2, 5)])); // of the last weight
  });
}
