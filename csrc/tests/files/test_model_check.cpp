// SPDX-License-Identifier: Apache-2.0
#include "files/model_check.h"
#include "files/model_info.h"
#include "support/error.h"
#include "tests/check.h"
#include "tests/gguf_builder.h"

#include <functional>
#include <limits>
#include <random>

namespace ppocrvl::tests {

namespace {

using Edit = std::function<void(GgufBuilder &)>;

std::string llm_error(const Edit &edit, ErrorKind kind = ErrorKind::model_format) {
  GgufBuilder builder = tiny_llm();
  edit(builder);
  return message_of(kind, [&] { check_llm(read_bytes(builder.bytes())); });
}

std::string mmproj_error(const Edit &edit, ErrorKind kind = ErrorKind::model_format) {
  GgufBuilder builder = tiny_mmproj();
  edit(builder);
  return message_of(kind, [&] { check_mmproj(read_bytes(builder.bytes())); });
}

/// The vocabulary of the tiny LLM with one token changed.
Edit with_token(size_t id, const std::string &text) {
  return [=](GgufBuilder &builder) {
    std::vector<std::string> tokens = tiny_tokens();
    tokens[id] = text;
    builder.strings("tokenizer.ggml.tokens", tokens);
  };
}

constexpr size_t letter_a = 263;

} // namespace

TEST_CASE("valid files pass") {
  CHECK(llm_error([](auto &) {}) == "no error");
  CHECK(mmproj_error([](auto &) {}) == "no error");
  const GgufFile llm = read_bytes(tiny_llm().bytes());
  const GgufFile mmproj = read_bytes(tiny_mmproj().bytes());
  CHECK(message_of(ErrorKind::model_format, [&] { check_pair(llm, mmproj); }) == "no error");
  CHECK(model_role(llm) == ModelRole::llm);
  CHECK(model_role(mmproj) == ModelRole::mmproj);
}

TEST_CASE("variants that llama.cpp loads pass") {
  CHECK(llm_error([](auto &b) { b.remove_tensor("output.weight"); }) == "no error");
  CHECK(llm_error([](auto &b) { b.remove_key("tokenizer.ggml.eos_token_id"); }) == "no error");
  CHECK(llm_error([](auto &b) { b.u32("someone.else", 1); }) == "no error");
  CHECK(llm_error([](auto &b) {
          for (const char *name : {"attn_q", "attn_k", "attn_v"}) {
            b.remove_tensor(std::string("blk.1.") + name + ".weight");
          }
          b.tensor("blk.1.attn_qkv.weight", {64, 128}, GGML_TYPE_Q8_0);
        }) == "no error");
  CHECK(mmproj_error([](auto &b) {
          for (const char *name : {"attn_q", "attn_k", "attn_v"}) {
            b.remove_tensor(std::string("v.blk.0.") + name + ".weight");
            b.remove_tensor(std::string("v.blk.0.") + name + ".bias");
          }
          b.tensor("v.blk.0.attn_qkv.weight", {32, 96}, GGML_TYPE_F16);
          b.tensor("v.blk.0.attn_qkv.bias", {96});
        }) == "no error");
  CHECK(mmproj_error([](auto &b) { b.at("v.patch_embd.weight").type = GGML_TYPE_F16; }) ==
        "no error");
  // The FFN zero-padded from 40 to 64, so that 32-blocks divide it.
  CHECK(mmproj_error([](auto &b) {
          for (const char *block : {"v.blk.0.", "v.blk.1."}) {
            b.at(std::string(block) + "ffn_up.weight").shape = {32, 64};
            b.at(std::string(block) + "ffn_up.bias").shape = {64};
            b.at(std::string(block) + "ffn_down.weight") = {
                std::string(block) + "ffn_down.weight", {64, 32}, GGML_TYPE_Q8_0};
          }
        }) == "no error");
}

TEST_CASE("files in the wrong role are named") {
  const GgufFile llm = read_bytes(tiny_llm().bytes());
  const GgufFile mmproj = read_bytes(tiny_mmproj().bytes());
  const auto mismatch = ErrorKind::model_mismatch;
  CHECK(contains(message_of(mismatch, [&] { check_llm(mmproj); }),
                 "this is the mmproj (vision) file; it was given as the LLM"));
  CHECK(contains(message_of(mismatch, [&] { check_mmproj(llm); }),
                 "this is the LLM file; it was given as the mmproj"));
  // NOLINTNEXTLINE(readability-suspicious-call-argument): swapped on purpose
  CHECK(contains(message_of(mismatch, [&] { check_pair(mmproj, llm); }), "given as the LLM"));
  CHECK(contains(llm_error([](auto &b) { b.string("general.architecture", "qwen2vl"); }),
                 "its architecture is 'qwen2vl'"));
  CHECK(contains(llm_error([](auto &b) { b.remove_key("general.architecture"); }),
                 "it names no architecture"));
  CHECK(contains(llm_error([](auto &b) { b.u32("general.architecture", 3); }),
                 "it names no architecture"));
  CHECK(contains(mmproj_error([](auto &b) { b.string("clip.projector_type", "qwen2vl_merger"); }),
                 "its projector is 'qwen2vl_merger' instead of 'paddleocr'"));
}

TEST_CASE("all problems of a file stand in one message") {
  const std::string message = llm_error([](auto &b) {
    b.remove_tensor("blk.0.attn_q.weight");
    b.at("blk.1.ffn_up.weight").shape = {64, 95};
    b.at("output_norm.weight").type = GGML_TYPE_F16;
    b.tensor("blk.2.attn_norm.weight", {64});
  });
  CHECK(contains(message, "tensor 'blk.0.attn_q.weight' is missing"));
  CHECK(contains(message, "tensor 'blk.1.ffn_up.weight' is [64, 95] instead of [64, 96]"));
  CHECK(contains(message, "tensor 'output_norm.weight' cannot be of type F16"));
  CHECK(contains(message, "unexpected tensor 'blk.2.attn_norm.weight'"));
  CHECK(!contains(message, "\n"));
  CHECK(contains(llm_error([](auto &b) { b.tensors.clear(); }), "and 12 more problems"));
}

TEST_CASE("each key is required, typed and bounded") {
  for (const GgufBuilder &whole : {tiny_llm(), tiny_mmproj()}) {
    for (const auto &entry : whole.keys) {
      GgufBuilder builder = whole;
      // A number where text is due, text where anything else is due.
      if (entry.second.substr(0, 4) == GgufBuilder::raw_type(GgufType::string)) {
        builder.u32(entry.first, 1);
      } else {
        builder.string(entry.first, "x");
      }
      const GgufFile file = read_bytes(builder.bytes());
      const bool is_llm = whole.keys.front().second == tiny_llm().keys.front().second;
      const std::string message = message_of(
          ErrorKind::model_format, [&] { is_llm ? check_llm(file) : check_mmproj(file); });
      CHECK(contains(message, "key '" + entry.first + "' is not") ||
            contains(message, "names no architecture"));
    }
  }
  for (const char *key : {
           "paddleocr.block_count",
           "paddleocr.rope.freq_base",
           "paddleocr.rope.dimension_sections",
           "tokenizer.ggml.scores",
       }) {
    CHECK(contains(llm_error([&](auto &b) { b.remove_key(key); }),
                   std::string("key '") + key + "' is missing"));
  }
  CHECK(
      contains(llm_error([](auto &b) { b.u32("paddleocr.block_count", 0); }), "outside 1 to 128"));
  for (const char *key : {"paddleocr.attention.head_count", "paddleocr.attention.head_count_kv"}) {
    CHECK(contains(llm_error([&](auto &b) { b.u32(key, 0); }), "outside 1 to 64"));
  }
  const char *epsilon = "paddleocr.attention.layer_norm_rms_epsilon";
  for (const float bad : {
           0.0F,
           -1.0F,
           std::numeric_limits<float>::quiet_NaN(),
           std::numeric_limits<float>::infinity(),
       }) {
    CHECK(contains(llm_error([&](auto &b) { b.f32(epsilon, bad); }), epsilon));
    CHECK(contains(
        mmproj_error([&](auto &b) { b.floats("clip.vision.image_std", {0.5F, bad, 0.5F}); }),
        "image_std"));
  }
  for (const char *key : {
           "clip.vision.image_min_pixels",
           "clip.vision.patch_size",
           "clip.vision.attention.head_count",
       }) {
    CHECK(contains(mmproj_error([&](auto &b) { b.u32(key, 0); }), key));
  }
  CHECK(contains(mmproj_error([](auto &b) { b.boolean("clip.use_gelu", false); }), "use_gelu"));
  CHECK(contains(mmproj_error([](auto &b) { b.u32("ppocrvl.task.table.min_pixels", 100); }),
                 "task 'table'"));
}

TEST_CASE("numbers that memory is reserved by are bounded") {
  const struct {
    const char *key;
    uint32_t most;
  } bounds[] = {
      {"paddleocr.block_count", 128},
      {"paddleocr.context_length", 1 << 20},
      {"paddleocr.embedding_length", 8192},
      {"paddleocr.feed_forward_length", 32768},
      {"paddleocr.attention.head_count", 64},
      {"paddleocr.attention.head_count_kv", 64},
      {"paddleocr.attention.key_length", 256},
      {"paddleocr.attention.value_length", 256},
      {"paddleocr.rope.dimension_count", 256},
      {"paddleocr.vocab_size", 1 << 18},
      {"clip.vision.image_size", 8192},
      {"clip.vision.patch_size", 32},
      {"clip.vision.embedding_length", 4096},
      {"clip.vision.feed_forward_length", 16384},
      {"clip.vision.block_count", 64},
      {"clip.vision.projection_dim", 8192},
      {"clip.vision.attention.head_count", 32},
      {"clip.vision.image_min_pixels", 1 << 26},
      {"clip.vision.image_max_pixels", 1 << 26},
      {"ppocrvl.task.table.min_pixels", 1 << 26},
      {"ppocrvl.task.table.max_pixels", 1 << 26},
  };
  for (const auto &bound : bounds) {
    const auto outside = "key '" + std::string(bound.key) + "' is ";
    const auto error_of = [&](uint32_t value) {
      const Edit edit = [&](auto &b) { b.u32(bound.key, value); };
      return std::string(bound.key).rfind("paddleocr.", 0) == 0 ? llm_error(edit)
                                                                : mmproj_error(edit);
    };
    for (const uint32_t value : {bound.most + 1, 1U << 31U, ~0U}) {
      CHECK(contains(error_of(value), outside));
      CHECK(contains(error_of(value), ", outside "));
    }
    CHECK(!contains(error_of(bound.most), ", outside "));
  }
}

TEST_CASE("the KV cache is bounded, and larger for larger files") {
  const auto error_of = [](uint64_t size) {
    GgufBuilder builder = tiny_llm();
    builder.u32("paddleocr.block_count", 128);
    builder.u32("paddleocr.attention.head_count", 64);
    builder.u32("paddleocr.attention.head_count_kv", 64);
    GgufFile file = read_bytes(builder.bytes());
    file.size = size;
    return message_of(ErrorKind::model_format, [&] { check_llm(file); });
  };
  constexpr uint64_t keys = uint64_t{128} * 64 * 16; // of a token
  CHECK(contains(error_of(1 << 20),
                 "would take 131072 keys for each token, more than the 8192 that"));
  CHECK(contains(error_of((keys - 1) << 12U), "more than the 131071 that"));
  CHECK(!contains(error_of(keys << 12U), "KV cache"));
}

TEST_CASE("the vocabulary is bounded") {
  std::vector<std::string> tokens = tiny_tokens();
  while (tokens.size() <= size_t{1} << 18U) {
    tokens.push_back("t" + std::to_string(tokens.size()));
  }
  CHECK(contains(llm_error([&](auto &b) { b.strings("tokenizer.ggml.tokens", tokens); }),
                 "the vocabulary has 262145 tokens, more than 262144"));
}

TEST_CASE("the sizes that pictures are brought to are bounded by image tokens") {
  constexpr uint32_t token = 28 * 28;
  const auto error_of = [](const std::string &key, uint32_t least, uint32_t most) {
    return mmproj_error([&](auto &b) {
      b.u32(key + "min_pixels", least);
      b.u32(key + "max_pixels", most);
    });
  };
  for (const std::string key : {"clip.vision.image_", "ppocrvl.task.spotting."}) {
    CHECK(error_of(key, 1024 * token, 16384 * token) == "no error");
    CHECK(contains(error_of(key, 1024 * token + 1, 16384 * token),
                   key + "min_pixels' is 802817, more than 1024 image tokens of 784 pixels"));
    CHECK(contains(error_of(key, 1024 * token, 16384 * token + 1), key + "max_pixels'"));
  }
}

TEST_CASE("keys that lead llama.cpp elsewhere are refused") {
  CHECK(contains(llm_error([](auto &b) { b.u32("paddleocr.expert_count", 8); }),
                 "'paddleocr.expert_count' is not supported"));
  CHECK(contains(llm_error([](auto &b) { b.u32("split.count", 2); }), "'split.count'"));
  CHECK(contains(mmproj_error([](auto &b) { b.u32("clip.vision.feature_layer", 2); }),
                 "'clip.vision.feature_layer'"));
}

TEST_CASE("tasks are those with a plain name; a text of a file may hold any bytes") {
  GgufBuilder builder = tiny_llm();
  const GgufFile mmproj = read_bytes(tiny_mmproj().bytes());
  CHECK(describe_model(read_bytes(builder.bytes()), mmproj).tasks.empty());
  builder.strings("ppocrvl.tasks", {"ocr", "\xff", "table"});
  const std::vector<std::string> expected{"ocr", "table"};
  CHECK(describe_model(read_bytes(builder.bytes()), mmproj).tasks == expected);
}

TEST_CASE("the LLM's numbers must agree") {
  CHECK(contains(
      llm_error([](auto &b) { b.ints("paddleocr.rope.dimension_sections", {16, 24, 24, 0}); }),
      "the rope sections add up to 64 instead of 8"));
  CHECK(contains(
      llm_error([](auto &b) { b.ints("paddleocr.rope.dimension_sections", {0, 0, 0, 8}); }),
      "fourth axis")); // ggml asserts on it
  CHECK(contains(llm_error([](auto &b) { b.string("ppocrvl.model_version", "abc"); }),
                 "known are 1.0, 1.5 and 1.6"));
  CHECK(contains(llm_error([](auto &b) { b.ints("paddleocr.rope.dimension_sections", {8, 0, 0}); }),
                 "is not i32[4]"));
  CHECK(contains(llm_error([](auto &b) { b.ints("ppocrvl.tasks", {1}); }), "ppocrvl.tasks"));
  CHECK(contains(llm_error([](auto &b) { b.u32("paddleocr.attention.head_count_kv", 3); }),
                 "4 attention heads cannot share 3"));
  CHECK(contains(llm_error([](auto &b) { b.u32("paddleocr.attention.value_length", 8); }),
                 "is not the head size 16"));
  CHECK(contains(llm_error([](auto &b) { b.u32("paddleocr.attention.key_length", 15); }),
                 "the head size 15 is odd"));
}

TEST_CASE("the vocabulary is checked") {
  CHECK(contains(llm_error(with_token(letter_a, "b")), "'b' occurs twice in the vocabulary"));
  // llama.cpp sees C strings, and asserts that they differ.
  CHECK(contains(llm_error(with_token(letter_a, std::string("b\0c", 3))), "occurs twice"));
  CHECK(contains(llm_error(with_token(letter_a, "[EMPTY_266]")), "occurs twice"));
  CHECK(contains(llm_error(with_token(letter_a, "")), "no error"));
  CHECK(contains(llm_error(with_token(3, "x")), "misses the byte token '<0x00>'"));
  CHECK(contains(llm_error(with_token(2, "x")), "misses the token '</s>'"));
  CHECK(contains(llm_error(with_token(260, "x")), "misses the token '<|IMAGE_START|>'"));
  CHECK(contains(llm_error([](auto &b) { b.u32("tokenizer.ggml.bos_token_id", 267); }),
                 "'tokenizer.ggml.bos_token_id' is 267, but there are 267 tokens"));
  CHECK(contains(llm_error([](auto &b) { b.string("tokenizer.ggml.model", "gpt2"); }),
                 "the tokenizer is 'gpt2' instead of 'llama'"));
  CHECK(contains(llm_error([](auto &b) { b.floats("tokenizer.ggml.scores", {1.0F}); }),
                 "267 tokens, 1 scores and 267 token types"));
  CHECK(contains(
      llm_error([](auto &b) { b.ints("tokenizer.ggml.token_type", std::vector<int32_t>(267, 6)); }),
      "byte tokens that are not"));
  CHECK(contains(
      llm_error([](auto &b) { b.ints("tokenizer.ggml.token_type", std::vector<int32_t>(267, 7)); }),
      "is 7, outside 1 to 6"));
  std::vector<std::string> fewer = tiny_tokens();
  fewer.pop_back();
  CHECK(contains(llm_error([&](auto &b) {
                   b.strings("tokenizer.ggml.tokens", fewer);
                   b.floats("tokenizer.ggml.scores", std::vector<float>(266));
                   b.ints("tokenizer.ggml.token_type", std::vector<int32_t>(266, 1));
                 }),
                 "tensor 'token_embd.weight' is [64, 267] instead of [64, 266]"));
}

TEST_CASE("the vision side's numbers, shapes and types are checked") {
  CHECK(contains(mmproj_error([](auto &b) { b.u32("clip.vision.attention.head_count", 5); }),
                 "cannot be split into 5 heads"));
  CHECK(contains(mmproj_error([](auto &b) { b.u32("clip.vision.attention.head_count", 16); }),
                 "cannot be split into 16 heads"));
  CHECK(contains(mmproj_error([](auto &b) { b.at("v.position_embd.weight").shape = {32, 8}; }),
                 "'v.position_embd.weight' is [32, 8] instead of [32, 9]"));
  CHECK(contains(mmproj_error([](auto &b) { b.u32("clip.vision.patch_size", 16); }),
                 "'v.patch_embd.weight' is [14, 14, 3, 32] instead of [16, 16, 3, 32]"));
  CHECK(contains(mmproj_error([](auto &b) { b.at("v.patch_embd.weight").type = GGML_TYPE_BF16; }),
                 "'v.patch_embd.weight' cannot be of type BF16"));
  CHECK(contains(mmproj_error([](auto &b) { b.at("v.blk.0.ln1.bias").type = GGML_TYPE_F16; }),
                 "'v.blk.0.ln1.bias' cannot be of type F16"));
  CHECK(contains(mmproj_error([](auto &b) { b.at("mm.1.weight").type = GGML_TYPE_I32; }),
                 "'mm.1.weight' cannot be of type I32"));
  CHECK(contains(mmproj_error([](auto &b) { b.tensor("v.blk.0.ls1.weight", {32}); }),
                 "unexpected tensor 'v.blk.0.ls1.weight'"));
  CHECK(contains(mmproj_error([](auto &b) { b.at("v.blk.1.ffn_up.weight").shape = {32, 64}; }),
                 "'v.blk.1.ffn_up.weight' is [32, 64] instead of [32, 40]"));
  CHECK(contains(mmproj_error([](auto &b) { b.at("v.blk.0.ffn_up.weight").shape = {32, 300}; }),
                 "'v.blk.0.ffn_up.weight' is [32, 300] instead of [32, 40]"));
  CHECK(contains(mmproj_error([](auto &b) { b.u32("clip.vision.image_max_pixels", 784); }),
                 "the pixel limits of the file do not form a range"));
}

TEST_CASE("random damage leads to an error or to a valid file, and to nothing else") {
  std::mt19937 random(1); // the same cases every time
  const auto below = [&](size_t limit) { return random() % limit; };
  for (const bool is_llm : {true, false}) {
    const GgufBuilder builder = is_llm ? tiny_llm() : tiny_mmproj();
    const std::string valid = builder.bytes();
    const size_t header = builder.header().size();
    int refused = 0;
    constexpr int n_cases = 2000;
    for (int i = 0; i < n_cases; ++i) {
      std::string bytes = valid;
      for (size_t change = 0; change <= below(4); ++change) {
        const size_t at = below(header - 8);
        switch (below(4)) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1: // a number that is far too large
          bytes.replace(at, 8, "\xff\xff\xff\xff\xff\xff\xff\x7f");
          break;
        case 2:
          bytes.replace(at, 8, bytes.substr(below(header - 8), 8));
          break;
        default:
          bytes.erase(at, below(16));
        }
      }
      const std::string message = message_of(ErrorKind::model_format, [&] {
        const GgufFile file = read_bytes(bytes);
        is_llm ? check_llm(file) : check_mmproj(file);
      });
      CHECK(!contains(message, "another exception"));
      refused += message == "no error" ? 0 : 1;
    }
    CHECK(refused > n_cases / 4);
    CHECK(refused < n_cases);
  }
}

TEST_CASE("two files that do not belong together are refused") {
  const auto pair_error = [](const Edit &edit_llm, const Edit &edit_mmproj) {
    GgufBuilder llm = tiny_llm();
    GgufBuilder mmproj = tiny_mmproj();
    edit_llm(llm);
    edit_mmproj(mmproj);
    return message_of(ErrorKind::model_mismatch,
                      [&] { check_pair(read_bytes(llm.bytes()), read_bytes(mmproj.bytes())); });
  };
  CHECK(contains(pair_error([](auto &) {},
                            [](auto &b) {
                              b.u32("clip.vision.projection_dim", 32);
                              b.at("mm.2.weight").shape = {128, 32};
                              b.at("mm.2.bias").shape = {32};
                            }),
                 "the LLM takes embeddings of 64 numbers, the mmproj makes 32"));
  CHECK(contains(pair_error([](auto &b) { b.string("ppocrvl.model_version", "1.5"); },
                            [](auto &b) { b.string("ppocrvl.model_version", "1.6"); }),
                 "'ppocrvl.model_version' is '1.5' in one, '1.6' in the other"));
  CHECK(pair_error([](auto &b) { b.string("ppocrvl.model_version", "1.5"); }, [](auto &) {}) ==
        "no error");
}

} // namespace ppocrvl::tests
