// SPDX-License-Identifier: Apache-2.0
//
// Arithmetic on CPUs, faster than ggml's: products of long matrices through the widest instructions
// that the CPU has, and for the vision encoder what lies between them, in as few passes over
// memory.
//
// Everything is laid out in panels: 32 patches side by side, one row a feature. A vector register
// then holds one feature of several patches, so that sums over features (norms, softmax, products)
// never cross lanes, and what one product writes is what the next one reads. Three layouts:
//   * a float panel: float [n_features][32],
//   * an operand panel, the right-hand side of a product: for float32 the same; for bfloat16
//     [n_features / 2][32][2], features padded with zeros to a multiple of 32,
//   * packed rows, the left-hand side (weights, keys, values): groups of rows in the order in which
//     the product reads them.
// The lanes behind the last patch hold finite numbers that nobody reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ppocrvl::kernels {

constexpr std::int64_t lanes = 32;

/// Part of the work of one operation, for one of several threads.
struct Share {
  int index;
  int count;
};

/// How weights are stored. Some kernels read those with a name by themselves. `q4_k_of_8_rows` is
/// ggml's order for products with one token, which only kernels with bfloat16 operands can read:
/// blocks of eight rows as one, interleaved by eight bytes.
enum class Format { bf16, q4_0, q5_0, q8_0, q4_k, q4_k_of_8_rows, q5_k, q6_k, iq4_nl, other };

/// Weights as the file stores them, one row an output feature.
struct Matrix {
  const void *data;
  std::int64_t rows;
  std::int64_t columns;
  std::size_t row_bytes;
  std::int64_t block_columns; // of the storage format, and their bytes
  std::size_t block_bytes;
  Format format;
  void (*to_float)(const void *row, float *values, std::int64_t count);
  const float *bias;
};

/// out = activation(matrix * in + bias) or residual + matrix * in + bias, for some matrices with
/// the same input, whose outputs lie one below the other.
struct Linear {
  const Matrix *matrices;
  int n_matrices;
  std::int64_t n_tokens; // or patches: lanes in use, the last panel may have others behind them
  const void *in;        // operand panels
  const float *residual; // float panels or null
  // One of these, the others are null.
  float *out; // float panels
  void *
      out_operand; // operand panels of gelu_tanh(...), of one matrix of up to `longest_row` columns
  float *out_rows; // row-major [n_tokens][sum of the matrices' rows], without residual
};

/// out = matrix * in without panels, for so few tokens that the weights' way from memory is most of
/// the work. The matrix is not of Format::other, without a bias, its columns a multiple of 32.
struct FewTokens {
  const Matrix *matrix;
  const std::uint16_t *in; // bfloat16 [n_tokens][columns], where operands are bfloat16
  float *out;              // [n_tokens][rows]
  std::int64_t n_tokens;   // 1 to `most_few_tokens`
  const float *in_floats;  // in place of `in`, where operands are float32
};

constexpr std::int64_t most_few_tokens = 8;

/// LayerNorm over the features of float panels, to operand panels.
struct Norm {
  const float *in;
  const float *weight;
  const float *bias;
  float epsilon;
  std::int64_t n_features;
  std::int64_t n_panels;
  void *out;
};

/// Rotary position embedding of queries and keys; puts heads in the order that attention reads.
struct Rotate {
  const float *qkv;    // float panels of 3 * n_heads * d_head features
  const float *angles; // float panels of d_head features: cosines of d_head / 2 angles, then sines
  std::int64_t n_heads;
  std::int64_t d_head; // a multiple of 4
  std::int64_t n_panels;
  void *out; // `heads_elements` operands
};

/// Patches of one picture: whole panels, of which the last may be partly filled.
struct Segment {
  std::int64_t first_panel;
  std::int64_t n_panels;
  std::int64_t n_patches;
};

/// Attention of each picture's patches to each other.
struct Attention {
  const void *heads; // from Rotate
  std::int64_t n_heads;
  std::int64_t d_head;
  std::int64_t n_panels;
  const Segment *segments;
  std::int64_t n_segments;
  void *out; // operand panels of n_heads * d_head features
};

/// Numbers of some tokens or cells of a cache, for each of some heads: `Value[d_head]` at `data`
/// plus so many bytes a token and a head.
template <typename Value> struct Strided {
  const std::byte *data;
  std::size_t token_bytes;
  std::size_t head_bytes;

  [[nodiscard, gnu::always_inline]] const Value *at(std::int64_t token, std::int64_t head) const {
    return reinterpret_cast<const Value *>(data + static_cast<std::size_t>(token) * token_bytes +
                                           static_cast<std::size_t>(head) * head_bytes);
  }
};

/// Attention of a decoder's tokens to the cells of its cache, in two steps with `work` between
/// them. Each of `n_cache_heads` heads of keys and values (float16) is seen by equally many of
/// queries.
struct CacheAttention {
  Strided<float> queries;
  Strided<std::uint16_t> keys;
  Strided<std::uint16_t> values;
  const std::uint16_t *mask; // float16 [n_tokens][mask_stride]: 0 where a token sees a cell
  std::int64_t mask_stride;
  float scale; // of scores
  std::int64_t n_heads;
  std::int64_t n_cache_heads;
  std::int64_t d_head; // a multiple of 32, at most `longest_head`
  std::int64_t n_tokens;
  std::int64_t n_cells;
  void *work; // `cache_work_bytes`, aligned to 64
  float *out; // [n_tokens][n_heads][d_head]
};

/// What linear layers round both sides to. All but int8 lose no more than 16-bit files.
enum class LinearNumbers { float32, bfloat16, int16, int8 };

struct LinearKernel {
  LinearNumbers numbers;
  void (*run)(const Linear &, Share, void *scratch);
};

/// How a table's kernels lay out what they multiply.
struct OperandLayout {
  bool is_bf16;           // else float32
  int score_terms;        // see `score_rows`
  std::int64_t row_group; // rows of attention's values are padded to this multiple
};

/// What the vision encoder's graph consists of.
struct VisionKernels {
  const char *name;
  bool has_tiles; // multiplies whole tiles, far faster than vectors
  OperandLayout operands;
  LinearKernel linear;
  LinearKernel inner_linear; // of queries, keys, values, and hidden features: may round more
  void (*norm)(const Norm &, Share);
  void (*rotate)(const Rotate &, Share, void *scratch);
  void (*attention)(const Attention &, Share, void *scratch);
  /// Float panels of row-major values [n_rows][n_features]; the other way round; and operand panels
  /// of float panels.
  void (*to_panels)(const float *in, float *out, std::int64_t n_features, std::int64_t n_rows,
                    Share);
  void (*from_panels)(const float *in, float *out, std::int64_t n_features, std::int64_t n_rows,
                      Share);
  void (*to_operand)(const float *in, void *out, std::int64_t n_features, std::int64_t n_panels,
                     Share);
};

/// What takes longest in a language model's graph.
struct DecoderKernels {
  const char *name;
  bool has_tiles; // as above
  OperandLayout operands;
  void (*linear)(const Linear &, Share, void *scratch);
  /// Operand panels of row-major values [n_rows][n_features]. Threads share the features, so that
  /// few rows are work for all of them.
  void (*rows_to_operand)(const float *in, void *out, std::int64_t n_features, std::int64_t n_rows,
                          Share);
  void (*pack_cache)(const CacheAttention &, Share, void *scratch);
  void (*attend_cache)(const CacheAttention &, Share, void *scratch);
  /// Null: not faster than ggml's, or than tiles.
  void (*few_tokens)(const FewTokens &, Share, void *scratch);
  /// All of `CacheAttention` for few tokens, without `work`; up to `most_shared_queries` of their
  /// heads may share one of the cache. Null: not faster than ggml's.
  void (*few_queries)(const CacheAttention &, Share, void *scratch);
  /// Tokens from which on products are faster than ggml's although weights must be decoded for
  /// them: ggml's of quantized weights are in whole numbers.
  std::int64_t least_decoded;
  /// Whether few tokens meet weights of Format::q8_0 as they are, without decoding.
  bool has_plain_q8_0;
};

/// What choosing a token needs of all logits.
struct LogitKernels {
  /// The first of the highest; some other if there are NaN. `count` is at least 1.
  std::int64_t (*index_of_highest)(const float *values, std::int64_t count);
  /// Sum of exp(value - highest), each term to about one unit of float32.
  double (*sum_of_exponentials)(const float *values, std::int64_t count, float highest);
};

/// The three tables that go by the name of the first, with operands of one type. A model may be
/// computed with tables of several: each is chosen by what it multiplies. All pointers are valid
/// for as long as the process runs.
struct Kernels {
  const VisionKernels *vision;
  const DecoderKernels *decoder;
  const LogitKernels *logits;
};

/// Rows up to this length are multiplied in one go.
constexpr std::int64_t longest_row = 1536;

/// Numbers of a head of `CacheAttention`.
constexpr std::int64_t longest_head = 256;

/// Heads of queries that share one of a cache, for `few_queries`.
constexpr std::int64_t most_shared_queries = 64;

/// Bytes of scratch that a thread needs, aligned to 64; it uses less than a fifth of them unless
/// linear layers are in whole numbers.
constexpr std::size_t scratch_bytes = 3U << 20U;

// Always inlined: files for one kind of CPU must not supply them to others.
[[gnu::always_inline]] constexpr std::int64_t padded(std::int64_t count, std::int64_t multiple) {
  return (count + multiple - 1) / multiple * multiple;
}

[[gnu::always_inline]] constexpr std::int64_t panels_of(std::int64_t n_patches) {
  return (n_patches + lanes - 1) / lanes;
}

/// Rows of an operand panel.
[[gnu::always_inline]] constexpr std::int64_t operand_rows(bool is_bf16, std::int64_t n_features) {
  return is_bf16 ? padded(n_features, 32) : n_features;
}

/// Rows of queries and keys of a head. In bfloat16 with three terms, each is a rounded number and
/// what rounding left, so that scores, whose errors softmax multiplies, are almost those of
/// float32: (a + a')(b + b') is taken as ab + a'b + ab'.
[[gnu::always_inline]] constexpr std::int64_t score_rows(bool is_bf16, int terms,
                                                         std::int64_t d_head) {
  return is_bf16 ? padded(terms * d_head, 32) : d_head;
}

/// Operands that Rotate writes: queries and keys of padded length, values with padded rows.
std::int64_t heads_elements(const OperandLayout &operands, std::int64_t n_heads,
                            std::int64_t d_head, std::int64_t n_panels);

std::size_t cache_work_bytes(const OperandLayout &operands, const CacheAttention &task);

/// Kernels that this CPU and its operating system can run, fastest first, those that round to int8
/// behind all others.
const std::vector<Kernels> &available();

/// The fastest available, or those that any CPU runs. They differ in the last digits of sums.
LogitKernels logit_kernels();

/// Scratch memory of some threads, allocated before they begin, so that none of them can run out.
class Scratch {
public:
  explicit Scratch(int n_threads);
  ~Scratch();
  Scratch(const Scratch &) = delete;
  Scratch &operator=(const Scratch &) = delete;

  [[nodiscard]] void *of(std::int64_t thread) const {
    return memory_ + static_cast<std::size_t>(thread) * scratch_bytes;
  }

private:
  std::byte *memory_;
};

} // namespace ppocrvl::kernels
