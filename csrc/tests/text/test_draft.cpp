// SPDX-License-Identifier: Apache-2.0
#include "tests/check.h"
#include "text/draft.h"
#include "text/token_trail.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

using ppocrvl::Acceptance;
using ppocrvl::Draft;
using ppocrvl::letters_of;
using ppocrvl::TokenTrail;

namespace {

constexpr std::size_t most = 31;

/// A vocabulary of words with the space before them, and of line breaks.
class Words {
public:
  std::vector<std::int32_t> ids(const std::string &text) {
    std::vector<std::int32_t> all;
    std::string token;
    for (const char c : text) {
      if (c == ' ' || c == '\n') {
        push(all, token);
        token.clear();
      }
      token += c;
      if (c == '\n') {
        push(all, token);
        token.clear();
      }
    }
    push(all, token);
    return all;
  }

  [[nodiscard]] const std::string &text(std::int32_t id) const {
    return texts_.at(static_cast<std::size_t>(id));
  }

  [[nodiscard]] std::shared_ptr<TokenTrail> trail(const std::vector<std::int32_t> &ids) const {
    auto made = std::make_shared<TokenTrail>();
    for (const std::int32_t id : ids) {
      made->push(id, text(id));
    }
    return made;
  }

private:
  void push(std::vector<std::int32_t> &all, const std::string &token) {
    if (token.empty()) {
      return;
    }
    const auto [found, is_new] = ids_.try_emplace(token, static_cast<std::int32_t>(texts_.size()));
    if (is_new) {
      texts_.push_back(token);
    }
    all.push_back(found->second);
  }

  std::map<std::string, std::int32_t> ids_;
  std::vector<std::string> texts_;
};

struct Run {
  int steps = 0;
  int drafted = 0;
  int accepted = 0;
};

/// What a scheduler does that computes all that is drafted.
Run follow(Draft draft, const Words &words, const std::vector<std::int32_t> &answer) {
  Run run;
  for (std::size_t at = 0; at < answer.size(); ++run.steps) {
    const auto drafted = draft.tokens(draft.chances(most).size());
    run.drafted += static_cast<int>(drafted.size());
    std::size_t right = 0;
    while (right < drafted.size() && at + right < answer.size() &&
           drafted[right] == answer[at + right]) {
      ++right;
    }
    run.accepted += static_cast<int>(right);
    const std::size_t end = std::min(answer.size(), at + right + 1);
    for (; at < end; ++at) {
      draft.push(answer[at], words.text(answer[at]));
    }
  }
  return run;
}

Run follow(const std::string &given, const std::string &answer) {
  Words words;
  const auto trail = words.trail(words.ids(given));
  const auto ids = words.ids(answer);
  return follow(Draft(trail), words, ids);
}

std::string prose(int n_words, unsigned seed) {
  std::mt19937 random(seed);
  std::string text;
  for (int i = 0; i < n_words; ++i) {
    text += i == 0 ? "" : " ";
    for (std::size_t n = 3 + random() % 6; n > 0; --n) {
      text += static_cast<char>('a' + random() % 26);
    }
  }
  return text;
}

/// With some of its words changed.
std::string worn(const std::string &text, unsigned one_in) {
  std::istringstream words(text);
  std::string word;
  std::string made;
  unsigned n = 0;
  while (words >> word) {
    made += made.empty() ? "" : " ";
    made += ++n % one_in == 0 ? "#" + std::to_string(n) : word;
  }
  return made;
}

std::string with(const std::string &text, char from, const std::string &to, std::size_t each) {
  std::string made;
  std::size_t n = 0;
  for (const char c : text) {
    if (c == from && ++n % each == 0) {
      made += to;
    } else {
      made += c;
    }
  }
  return made;
}

} // namespace

TEST_CASE("token trail: letters are bytes without white space, small where ASCII knows how") {
  CHECK_EQUAL(letters_of(" The\tCat\r\nZ\u00c4\v\f"), "thecatz\u00c4");
  CHECK_EQUAL(letters_of(""), "");
  TokenTrail trail;
  trail.push(7, "A");
  trail.push(8, "\n");
  trail.push(9, " bc");
  CHECK_EQUAL(trail.letters(), "abc");
  CHECK_EQUAL(trail.begin(2), 1U);
  CHECK_EQUAL(trail.begin(3), 3U);
  CHECK_EQUAL(trail.first_at(1), 1U);
  CHECK_EQUAL(trail.first_with_letters_at(1), 2U);
  CHECK_EQUAL(trail.first_at(2), 3U); // in the middle of a token
}

TEST_CASE("acceptance: what was seen replaces what was expected, for each length of a run") {
  Acceptance acceptance({0.5, 0.5, 0.5, 0.5});
  for (int i = 0; i < 100; ++i) {
    acceptance.note(0, false);
    acceptance.note(20, true);
  }
  CHECK(acceptance.chance(0) < 0.05);
  CHECK(acceptance.chance(0) > 0.0);
  CHECK_EQUAL(acceptance.chance(1), 0.5);
  CHECK_EQUAL(acceptance.chance(15), 0.5);
  CHECK(acceptance.chance(16) > 0.95);
  CHECK(acceptance.chance(16) < 1.0);
}

TEST_CASE("draft: a right one is believed more and more") {
  const std::string text = prose(300, 1);
  const Run run = follow(text, text);
  CHECK_EQUAL(run.drafted, run.accepted);
  CHECK(run.steps < 25);
}

TEST_CASE("draft: an unrelated one is soon believed no more") {
  const Run run = follow(prose(300, 1), prose(300, 2));
  CHECK(run.drafted < 15);
  CHECK_EQUAL(run.steps, 300);
}

TEST_CASE("draft: one with other words here and there finds its place again") {
  const std::string text = prose(400, 3);
  CHECK(follow(worn(text, 10), text).accepted > 300);
  CHECK(follow(worn(text, 2), text).accepted > 100);
}

TEST_CASE("draft: white space and case do not matter") {
  const std::string text = prose(400, 4);
  CHECK(follow(with(text, ' ', "\n", 12), text).accepted > 320); // lines in the draft alone
  CHECK(follow(text, with(text, ' ', "\n", 12)).accepted > 290); // in the answer alone
  CHECK(follow(with(text, 'e', "E", 12), text).accepted > 300);
  CHECK(follow(text, with(text, 'e', "E", 12)).accepted > 300);
}

TEST_CASE("draft: words too many and words too few") {
  const std::string text = prose(400, 5);
  CHECK(follow(with(text, ' ', " really ", 20), text).accepted > 320);
  CHECK(follow(text, with(text, ' ', " really ", 20)).accepted > 300);
}

TEST_CASE("draft: the answer may be anywhere in it, and in parts") {
  const std::string text = prose(200, 6);
  const std::string before = prose(2000, 7);
  CHECK(follow(before + " " + text + " " + prose(100, 8), text).accepted > 170);
  const std::string half = text.substr(0, text.size() / 2);
  const std::string rest = text.substr(text.size() / 2);
  CHECK(follow(rest + " " + before + " " + half, text).accepted > 150);
}

TEST_CASE("draft: what an answer repeats is guessed without a text") {
  std::string table;
  for (int row = 0; row < 40; ++row) {
    table += "<fcel> total of <fcel> " + std::to_string(row) + " <fcel> euros each <nl>\n";
  }
  const Run run = follow("", table);
  CHECK(run.accepted > 200);
  CHECK(run.steps < 160);
  // Dots up to the end: more than were said before.
  std::string dots;
  for (int i = 0; i < 200; ++i) {
    dots += " ......";
  }
  CHECK(follow("", dots).steps < 40);
  CHECK(follow("", prose(300, 9)).drafted < 10);
}

TEST_CASE("draft: chances fall, and are those of its tokens") {
  Words words;
  const auto ids = words.ids(prose(50, 10));
  Draft draft(words.trail(ids));
  for (const std::int32_t id : ids) {
    const std::vector<double> chances = draft.chances(most);
    CHECK(std::is_sorted(chances.rbegin(), chances.rend()));
    CHECK(chances.empty() || (chances.front() < 1.0 && chances.back() >= Draft::least_chance));
    CHECK_EQUAL(draft.tokens(chances.size()).size(), chances.size());
    CHECK(draft.chances(2).size() <= 2);
    draft.push(id, words.text(id));
  }
  CHECK(draft.chances(most).empty()); // it has ended
  CHECK(draft.tokens(3).empty());
}

TEST_CASE("draft: any bytes whatever") {
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    const auto bytes = [&] {
      std::string made;
      for (std::size_t n = random() % 4; n > 0; --n) {
        made += "\xff\xc3\xa4 \nAa"[random() % 8]; // a zero byte among them
      }
      return made;
    };
    std::vector<std::string> texts(6);
    std::generate(texts.begin(), texts.end(), bytes);
    const auto trail = std::make_shared<TokenTrail>();
    for (std::size_t n = random() % 60; n > 0; --n) {
      const std::size_t id = random() % texts.size();
      trail->push(static_cast<std::int32_t>(id), texts[id]);
    }
    Draft draft(trail);
    for (int i = 0; i < 100; ++i) {
      const std::size_t n = draft.chances(most).size();
      CHECK(draft.tokens(n).size() == n);
      const std::size_t id = random() % texts.size();
      draft.push(static_cast<std::int32_t>(id), texts[id]);
    }
  }
}
