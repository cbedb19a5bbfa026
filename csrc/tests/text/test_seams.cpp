// SPDX-License-Identifier: Apache-2.0
#include "llama.h"
#include "model/llama_runtime.h"
#include "tests/check.h"
#include "tests/engine_cases.h"
#include "text/seams.h"
#include "text/vocabulary.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using ppocrvl::append_by_parts;
using ppocrvl::ErrorKind;
using ppocrvl::PromptPiece;
using ppocrvl::Seams;
using ppocrvl::Vocabulary;

namespace {

constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

Seams seams_of_digits_and_cells() {
  Seams seams;
  for (const char digit : std::string("0123456789")) {
    seams.add(std::string(1, digit), /*in_every_text=*/true);
  }
  seams.add("<fcel>", /*in_every_text=*/true);
  seams.add("<|LOC_12|>", /*in_every_text=*/false);
  return seams;
}

/// What a tokenizer was asked for, which has an id for each byte.
struct Work {
  std::size_t calls = 0;
  std::size_t bytes = 0;
  std::size_t longest = 0;

  void operator()(std::string_view text, std::vector<std::int32_t> &ids) {
    ++calls;
    bytes += text.size();
    longest = std::max(longest, text.size());
    ids.insert(ids.end(), text.begin(), text.end());
  }
};

std::string repeated(const std::string &text, std::size_t count) {
  std::string all;
  all.reserve(text.size() * count);
  for (std::size_t i = 0; i < count; ++i) {
    all += text;
  }
  return all;
}

} // namespace

TEST_CASE("seams: behind digits and table tokens, and nowhere in a token") {
  const Seams seams = seams_of_digits_and_cells();
  CHECK_EQUAL(seams.first("ab1cd", 1), std::size_t{3});
  CHECK_EQUAL(seams.first("ab1cd", 4), std::size_t{5});
  CHECK_EQUAL(seams.first("ab1cd", 0), std::size_t{3});
  CHECK_EQUAL(seams.first("", 0), std::size_t{0});
  CHECK_EQUAL(seams.first("a<fcel>b", 1), std::size_t{7});
  CHECK_EQUAL(seams.first("a<ncel>b", 1), std::size_t{8});
  CHECK_EQUAL(seams.first("fcel>b", 1), std::size_t{6});
  // Such a token is looked for on request, so there is none in it, and none behind it.
  CHECK_EQUAL(seams.first("<|LOC_12|>ab3c", 1), std::size_t{13});
  CHECK_EQUAL(seams.first("<|LOC_12|>3c", 1), std::size_t{11});
  CHECK_EQUAL(seams.first("<|LOC_1|>ab", 1), std::size_t{7});
  CHECK_EQUAL(seams.first("<|LOC_<|LOC_12|>", 1), std::size_t{16});
  CHECK_EQUAL(seams.first("<12|>", 1), std::size_t{2});
}

TEST_CASE("seams: none where tokens may overlap") {
  for (const char *token : {"12", "<", ">", "<>", "<<b>", "<b>>", "b>", "<b"}) {
    Seams seams = seams_of_digits_and_cells();
    seams.add(token, /*in_every_text=*/false);
    CHECK_EQUAL(seams.first("ab1cd", 1), std::size_t{5});
  }
}

TEST_CASE("seams: a text of digits is divided in short parts") {
  const Seams seams = seams_of_digits_and_cells();
  for (const std::string &text : {
           repeated("7", 1U << 20U),
           repeated("<fcel>", 1U << 17U),
           repeated("<|LOC_12|>4", 1U << 16U),
       }) {
    Work work;
    std::vector<std::int32_t> ids;
    append_by_parts(text, seams, {unlimited, 10}, std::ref(work), ids);
    CHECK_EQUAL(work.bytes, text.size());
    CHECK(std::equal(ids.begin(), ids.end(), text.begin(), text.end()));
    CHECK(work.longest < 300);
    CHECK(work.calls < text.size() / 200);
  }
}

TEST_CASE("seams: a text that cannot fit is not divided, and one that does not only to its limit") {
  const Seams seams = seams_of_digits_and_cells();
  Work work;
  std::vector<std::int32_t> ids;
  CHECK_THROWS_KIND(ErrorKind::context, append_by_parts(std::string(1U << 20U, 'a'), seams,
                                                        {1000, 10}, std::ref(work), ids));
  CHECK_EQUAL(work.calls, std::size_t{0});
  ids.assign(1000, 0); // all that was there before counts
  CHECK_THROWS_KIND(ErrorKind::context,
                    append_by_parts(std::string(10, 'a'), seams, {1000, 10}, std::ref(work), ids));
  CHECK_EQUAL(work.calls, std::size_t{0});
  ids.clear();
  CHECK_THROWS_KIND(ErrorKind::context, append_by_parts(std::string(10'000, '1'), seams, {1000, 10},
                                                        std::ref(work), ids));
  CHECK(work.bytes < 1500);
  ids.clear();
  append_by_parts(std::string(1000, '1'), seams, {1000, 10}, std::ref(work), ids);
  CHECK_EQUAL(ids.size(), std::size_t{1000});
}

TEST_CASE("seams: the parts of any text have its ids") {
  const auto options = ppocrvl::test::test_model();
  if (!options) {
    return;
  }
  const auto model =
      ppocrvl::load_llama_model(options->llm, ppocrvl::host_device, /*use_mmap=*/true);
  const llama_vocab *vocab = llama_model_get_vocab(model.get());
  const Vocabulary vocabulary(vocab);
  const std::array<std::string, 20> words = {
      "1",
      "2",
      "30",
      " ",
      "  ",
      "\n",
      "the",
      "total",
      "<fcel>",
      "<nl>",
      "<|LOC_7",
      "_77|>",
      "|>",
      "<",
      ">",
      "</s>",
      "\xE4\xB8\xAD",
      "\xE4",
      "<|LOC_12|>",
      "<|IMAGE_END|>",
  };
  std::mt19937_64 random(5);
  for (int round = 0; round < 60; ++round) {
    std::string text;
    const std::size_t kinds = 1 + random() % words.size();
    while (text.size() < 1500) {
      text += words.at(random() % kinds);
    }
    std::vector<std::int32_t> whole(text.size() + 1);
    const int count = llama_tokenize(vocab, text.data(), static_cast<std::int32_t>(text.size()),
                                     whole.data(), static_cast<std::int32_t>(whole.size()),
                                     /*add_special=*/false, /*parse_special=*/true);
    whole.resize(static_cast<std::size_t>(count));
    CHECK(vocabulary.tokenize_with_special(text) == whole);
  }
}

TEST_CASE("seams: a prompt of more tokens than may be is refused, on both sides of the picture") {
  const auto options = ppocrvl::test::test_model();
  if (!options) {
    return;
  }
  const auto model =
      ppocrvl::load_llama_model(options->llm, ppocrvl::host_device, /*use_mmap=*/true);
  const Vocabulary vocabulary(llama_model_get_vocab(model.get()));
  using Kind = PromptPiece::Kind;
  const auto prompt = [](std::size_t before, std::size_t after) {
    return std::vector<PromptPiece>{
        {Kind::text, std::string(before, '1')},
        {Kind::image, "<|IMAGE_PLACEHOLDER|>"},
        {Kind::answer, std::string(after, '2')},
    };
  };
  CHECK_EQUAL(vocabulary.prompt_ids(prompt(600, 400), 1000).size(), std::size_t{1000});
  CHECK_THROWS_KIND(ErrorKind::context, vocabulary.prompt_ids(prompt(600, 401), 1000));
  CHECK_THROWS_KIND(ErrorKind::context, vocabulary.prompt_ids(prompt(1001, 0), 1000));
}
