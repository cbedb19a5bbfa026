// SPDX-License-Identifier: Apache-2.0
#include "tests/check.h"
#include "text/loop_detector.h"

#include <cstdint>
#include <iostream>
#include <map>
#include <string>
#include <vector>

using ppocrvl::LoopDetector;

namespace {

using Texts = std::vector<std::string>;

Texts repeated(const Texts &unit, int times, Texts before = {}) {
  for (int i = 0; i < times; ++i) {
    before.insert(before.end(), unit.begin(), unit.end());
  }
  return before;
}

/// Tokens until a loop is found, and how many of them were repetition; none found: all, 0.
struct Found {
  int tokens = 0;
  int repeated = 0;
};

Found run(int width, int height, const Texts &texts) {
  LoopDetector detector(width, height);
  std::map<std::string, std::int32_t> ids;
  Found found;
  for (const std::string &text : texts) {
    const auto id = ids.emplace(text, static_cast<std::int32_t>(ids.size())).first->second;
    ++found.tokens;
    found.repeated = detector.push(id, text);
    if (found.repeated > 0) {
      break;
    }
  }
  return found;
}

struct Labelled {
  const char *what;
  bool loop;
  int width;
  int height;
  Texts texts;
};

Texts numbered_lines(int count) {
  Texts texts;
  for (int i = 0; i < count; ++i) {
    for (const char digit : std::to_string(1000 + i)) {
      texts.emplace_back(1, digit);
    }
    texts.emplace_back("\n");
  }
  return texts;
}

// What pages hold, and what models that have lost their way write. Sizes are those of resized
// pictures: a page of 1000 x 1400, a crop of a table, of a line.
std::vector<Labelled> labelled() {
  const Texts dotted = {"Con", "tents", " "};
  const Texts phrase = {" we", " have", " to", " see", " that", " the", " result", " is", " that"};
  return {
      {"a table of 200 equal cells", false, 1000, 400, repeated({"<fcel>", "0"}, 200)},
      {
          "the same with row ends",
          false,
          1000,
          400,
          repeated(repeated({"<fcel>", "0"}, 10, {}), 20, {}),
      },
      {"a table of 200 empty cells", false, 1000, 400, repeated({"<ecel>"}, 200)},
      {
          "30 equal rows of four cells",
          false,
          1000,
          900,
          repeated({"<fcel>", "Tea", "<fcel>", "1", "<fcel>", "a", "<fcel>", "b", "<nl>"}, 30),
      },
      {"a dotted line of a table of contents", false, 1092, 28, repeated({"."}, 300, dotted)},
      {"the same with spaced dots", false, 1092, 28, repeated({" ."}, 150, dotted)},
      {"a rule of underscores", false, 1092, 56, repeated({"_"}, 120)},
      {"a column of zeros", false, 112, 1400, repeated({"0", "\n"}, 100)},
      {"a line of zeros", false, 1092, 28, repeated({"0", " "}, 150)},
      {
          "a form with 30 equal lines",
          false,
          1000,
          1400,
          repeated({"Name", ":", " ", "____", "\n"}, 30),
      },
      {"a laugh", false, 600, 56, repeated({" ha"}, 20)},
      {"a refrain, six times", false, 1000, 1400, repeated(phrase, 6)},
      {"a long list of numbers", false, 1000, 1400, numbered_lines(400)},
      {"one word for ever", true, 600, 56, repeated({" the"}, 4000)},
      {"a phrase for ever", true, 1000, 1400, repeated(phrase, 400)},
      {
          "a sentence in lines for ever",
          true,
          1000,
          1400,
          repeated({"The", " same", " again", ".", "\n"}, 800),
      },
      {"a column of zeros for ever", true, 1000, 1400, repeated({"0", "\n"}, 2000)},
      {"dots for ever", true, 1092, 28, repeated({"."}, 4000)},
      {"cells for ever", true, 1000, 400, repeated({"<fcel>", "0"}, 2000)},
      {"empty cells for ever", true, 1000, 1400, repeated({"<ecel>"}, 4000)},
      {"a row for ever", true, 1000, 400, repeated({"<fcel>", "Tea", "<fcel>", "1", "<nl>"}, 800)},
      {"letters of another script for ever", true, 600, 56, repeated({"\u54c8"}, 4000)},
      {"a long unit for ever", true, 1000, 1400, repeated(numbered_lines(40), 60)},
  };
}

} // namespace

TEST_CASE("loops: told apart from what pages repeat") {
  for (const Labelled &one : labelled()) {
    const Found found = run(one.width, one.height, one.texts);
    if ((found.repeated > 0) != one.loop) {
      std::cerr << one.what << ": " << (one.loop ? "not found" : "taken for a loop") << " after "
                << found.tokens << " tokens\n";
    }
    CHECK_EQUAL(found.repeated > 0, one.loop);
    CHECK(found.tokens <= 3500); // found while it is worth while
  }
}

TEST_CASE("loops: all but the first round is repetition") {
  const Texts before = {"A", " line", ".", "\n"};
  const Found words = run(600, 56, repeated({" x", "y"}, 500, before));
  CHECK_EQUAL(words.tokens - words.repeated, 4 + 2);
  const Found rows = run(280, 280, repeated({"<fcel>", "a", "<nl>"}, 1000, before));
  CHECK_EQUAL(rows.tokens - rows.repeated, 4 + 3);
}

TEST_CASE("loops: a small picture holds less") {
  const Texts zeros = repeated({"<fcel>", "0"}, 2000);
  CHECK(run(280, 56, zeros).tokens < run(1000, 400, zeros).tokens);
  CHECK(run(0, 0, zeros).tokens >= run(1000, 1400, zeros).tokens);
}
