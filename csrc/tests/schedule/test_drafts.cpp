// SPDX-License-Identifier: Apache-2.0
//
// Answers with drafts are those without. Grammars of one text, in digits that are tokens each, keep
// rounding out of it: there is one answer, token by token. How much is drafted depends on how long
// steps took; only what no step has tried yet is drafted for certain, so the first right draft of
// an engine is.
#include "schedule/sequence.h"
#include "support/faults.h"
#include "support/live_count.h"
#include "tests/check.h"
#include "tests/engine_cases.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

using ppocrvl::Engine;
using ppocrvl::ErrorKind;
using ppocrvl::FaultPoint;
using ppocrvl::FinishReason;
using ppocrvl::inject_fault;
using ppocrvl::Message;
using ppocrvl::Request;
using ppocrvl::Result;
using ppocrvl::Role;
using ppocrvl::Ticket;
using ppocrvl::Utf8Policy;
using ppocrvl::test::endless;
using ppocrvl::test::noise;
using ppocrvl::test::test_model;
using ppocrvl::test::wait;

namespace {

using TicketPtr = std::shared_ptr<Ticket>;

std::string digits(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::string text;
  while (text.size() < count) {
    text += static_cast<char>('0' + random() % 10);
  }
  return text;
}

/// With every n-th digit another.
std::string worn(std::string text, std::size_t n) {
  for (std::size_t i = n - 1; i < text.size(); i += n) {
    text[i] = text[i] == '9' ? '0' : static_cast<char>(text[i] + 1);
  }
  return text;
}

/// Its answer is this text.
Request saying(const std::string &text) {
  Request request;
  request.messages = {{Role::user, "OCR:"}};
  request.max_tokens = 1000;
  request.stop_loops = false;
  request.sampling.grammar = "root ::= \"" + text + "\"";
  return request;
}

Request drafted(Request request, std::string draft) {
  request.draft = std::move(draft);
  return request;
}

bool equal_answers(const Result &a, const Result &b) {
  const bool are_alike =
      a.logprobs.size() == b.logprobs.size() &&
      std::equal(a.logprobs.begin(), a.logprobs.end(), b.logprobs.begin(),
                 [](double x, double y) { return std::abs(x - y) < 0.1 + 0.02 * std::abs(x); });
  return are_alike && a.text == b.text && a.token_ids == b.token_ids &&
         a.text_ends == b.text_ends && a.finish_reason == b.finish_reason &&
         a.repeated_tokens == b.repeated_tokens &&
         a.timings.generated_tokens == b.timings.generated_tokens;
}

} // namespace

TEST_CASE("drafts: right, half wrong, unrelated: the answer is the same") {
  const auto options = test_model();
  if (!options) {
    return;
  }
  Engine engine(*options);
  const std::string text = digits(200, 1);
  const Result plain = wait(*engine.submit(saying(text)));
  CHECK_EQUAL(plain.text, text);
  CHECK_EQUAL(plain.token_ids.size(), text.size());
  CHECK_EQUAL(plain.timings.drafted_tokens, 0);
  const auto with = [&](const std::string &draft) {
    const Result result = wait(*engine.submit(drafted(saying(text), draft)));
    CHECK(equal_answers(result, plain));
    CHECK(result.timings.accepted_tokens <= result.timings.drafted_tokens);
    return result.timings;
  };
  const auto right = with(text);
  CHECK_EQUAL(right.accepted_tokens, right.drafted_tokens);
  CHECK(right.accepted_tokens > 0);
  with(worn(text, 10));
  with(worn(text, 2));
  with("never anything of the kind");
  with("");
  with("</s><|IMAGE_START|></s>" + text);
  with("\xff\xfe" + text.substr(0, 50) + "\xc3");
  with(std::string(1'000'000, '7'));
}

TEST_CASE("drafts: token ids do as well") {
  const auto options = test_model();
  if (!options) {
    return;
  }
  Engine engine(*options);
  const std::string text = digits(100, 2);
  const Result plain = wait(*engine.submit(saying(text)));
  auto asked = saying(text);
  asked.draft = plain.token_ids;
  const Result result = wait(*engine.submit(std::move(asked)));
  CHECK(equal_answers(result, plain));
  CHECK(result.timings.accepted_tokens > 0);
  auto ended = saying(text);
  ended.draft = std::vector<std::int32_t>(50, ppocrvl::test::end_of_answer);
  CHECK(equal_answers(wait(*engine.submit(std::move(ended))), plain));
  for (const std::int32_t wrong : {-1, 1'000'000}) {
    auto refused = saying(text);
    refused.draft = std::vector<std::int32_t>{wrong};
    CHECK_THROWS_KIND(ErrorKind::option, engine.submit(std::move(refused)));
  }
  auto sampled = drafted(saying(text), text);
  sampled.sampling.temperature = 0.5F;
  CHECK_THROWS_KIND(ErrorKind::option, engine.submit(std::move(sampled)));
}

TEST_CASE("drafts: what an answer repeats is guessed") {
  const auto options = test_model();
  if (!options) {
    return;
  }
  Engine engine(*options);
  const std::string once = digits(30, 3);
  const std::string text = once + once + once + once;
  const Result plain = wait(*engine.submit(saying(text)));
  const Result result = wait(*engine.submit(drafted(saying(text), "")));
  CHECK(equal_answers(result, plain));
  CHECK(result.timings.accepted_tokens > 0);
}

TEST_CASE("drafts: nothing is guessed where answers are to be the same to the bit") {
  auto options = test_model();
  if (!options) {
    return;
  }
  options->deterministic = true;
  options->n_parallel = 2;
  Engine engine(*options);
  const std::string text = digits(60, 4);
  const Result plain = wait(*engine.submit(saying(text)));
  const Result result = wait(*engine.submit(drafted(saying(text), text)));
  CHECK_EQUAL(result.timings.drafted_tokens, 0);
  CHECK(result.token_ids == plain.token_ids);
  CHECK(result.logprobs == plain.logprobs);
  auto wrong = drafted(saying(text), text);
  wrong.sampling.temperature = 1.0F; // refused all the same
  CHECK_THROWS_KIND(ErrorKind::option, engine.submit(std::move(wrong)));
}

TEST_CASE("drafts: limits, stop texts, loops and broken text end an answer where they would") {
  const auto options = test_model();
  if (!options) {
    return;
  }
  Engine engine(*options);
  const std::string text = digits(120, 5);
  int accepted = 0;
  const auto both = [&](Request request, const std::string &draft) {
    auto copy = request;
    const Result plain = wait(*engine.submit(std::move(copy)));
    const TicketPtr ticket = engine.submit(drafted(std::move(request), draft));
    const Result result = wait(*ticket);
    CHECK(equal_answers(result, plain));
    accepted += result.timings.accepted_tokens;
    std::string streamed;
    std::string piece;
    while (ticket->wait_piece(piece, std::chrono::milliseconds(0)) == Ticket::Next::piece) {
      streamed += piece;
    }
    CHECK_EQUAL(streamed.substr(0, result.text.size()), result.text);
    return result;
  };
  for (const int limit : {119, 1, 2, 3, 50, 51}) {
    auto request = saying(text);
    request.max_tokens = limit;
    const Result result = both(std::move(request), text);
    CHECK_EQUAL(result.token_ids.size(), static_cast<std::size_t>(limit));
    CHECK(result.finish_reason == FinishReason::length);
  }
  auto stopped = saying(text);
  stopped.stop = {text.substr(70, 9)};
  CHECK_EQUAL(both(std::move(stopped), text).text, text.substr(0, 70));

  constexpr std::int32_t byte_e2 = 13 + 0xE2; // the vocabulary has the bytes from 13 on
  auto looping = endless(3000);
  looping.stop_loops = true;
  looping.sampling.logit_bias.emplace_back(ppocrvl::test::end_of_answer + 60, 1e6F);
  CHECK(both(std::move(looping), "").finish_reason == FinishReason::repetition);
  auto broken = endless(60);
  broken.sampling.logit_bias.emplace_back(byte_e2, 1e6F);
  auto strict = drafted(broken, "");
  strict.utf8 = Utf8Policy::strict;
  both(std::move(broken), "");
  CHECK_THROWS_KIND(ErrorKind::text, wait(*engine.submit(std::move(strict))));
  CHECK(accepted > 0);
  // What failed with drafted tokens in the cache leaves nothing behind.
  CHECK_EQUAL(wait(*engine.submit(saying(text))).text, text);
}

TEST_CASE("drafts: an answer goes on where a batch with drafted tokens fails") {
  auto options = test_model();
  if (!options) {
    return;
  }
  options->n_parallel = 2;
  Engine engine(*options);
  const std::string text = digits(80, 6);
  const Result plain = wait(*engine.submit(saying(text)));
  for (const int nth : {3, 5, 6}) {
    inject_fault(FaultPoint::decode, 1, nth);
    const TicketPtr first = engine.submit(drafted(saying(text), text));
    const TicketPtr second = engine.submit(drafted(saying(text), worn(text, 7)));
    int n_failed = 0;
    for (const TicketPtr &ticket : {first, second}) {
      try {
        CHECK(equal_answers(wait(*ticket), plain));
      } catch (const ppocrvl::Error &error) {
        CHECK(error.kind() == ErrorKind::engine);
        ++n_failed;
      }
    }
    CHECK(n_failed <= 1); // where it was alone in the batch
    inject_fault(FaultPoint::none, 0);
  }
}

TEST_CASE("drafts: a step of one answer that fails is tried without its drafted tokens") {
  const auto options = test_model();
  if (!options) {
    return;
  }
  const std::string text = digits(80, 9);
  Engine engine(*options);
  const Result plain = wait(*engine.submit(saying(text)));
  // The first pass is the prompt. In the second nothing is known of drafts: some are tried.
  inject_fault(FaultPoint::decode, 1, 1);
  const Result result = wait(*engine.submit(drafted(saying(text), text)));
  CHECK(equal_answers(result, plain));
  CHECK(result.timings.accepted_tokens > 0);
  inject_fault(FaultPoint::decode, 1, 1);
  CHECK_THROWS_KIND(ErrorKind::engine, wait(*engine.submit(saying(text))));
  inject_fault(FaultPoint::none, 0);
}

TEST_CASE("drafts: conversations go on from what was accepted alone") {
  const auto options = test_model();
  if (!options) {
    return;
  }
  Engine engine(*options);
  const auto ask = [&](const std::vector<Message> &messages, const std::string &text,
                       const std::optional<std::string> &draft) {
    auto request = saying(text);
    request.image = noise(84, 56);
    request.image_key = "noise";
    request.messages = messages;
    request.draft = draft;
    return wait(*engine.submit(std::move(request)));
  };
  const std::string first = digits(90, 7);
  const std::string second = digits(60, 8);
  const std::vector<Message> turn{{Role::user, "OCR:"}};
  const std::vector<Message> turns{
      {Role::user, "OCR:"},
      {Role::assistant, first},
      {Role::user, "And?"},
  };
  ask(turn, first, std::nullopt);
  const Result plain = ask(turns, second, std::nullopt);
  ask({{Role::user, "Else?"}}, digits(5, 9), std::nullopt); // what the turns left is gone
  for (const std::string &draft : {first, worn(first, 3), worn(first, 10)}) {
    CHECK_EQUAL(ask(turn, first, draft).text, first);
    const Result result = ask(turns, second, worn(second, 4));
    CHECK(equal_answers(result, plain));
    // All but the answer's last token, which nobody fed.
    CHECK(result.timings.reused_tokens > plain.timings.prompt_tokens - 60);
  }
}

TEST_CASE("drafts: everything together, at random") {
  auto options = test_model();
  if (!options) {
    return;
  }
  Engine alone(*options);
  options->n_parallel = 3;
  Engine engine(*options);
  std::mt19937 random(10);
  const auto one_in = [&](unsigned n) { return random() % n == 0; };
  struct Case {
    Request request;
    Result plain;
    TicketPtr ticket;
  };
  std::vector<Case> cases(36);
  int accepted = 0;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    std::string text = digits(1 + random() % 90, static_cast<unsigned>(i));
    if (one_in(4)) {
      text += text + text;
    }
    Request request = saying(text);
    request.stop_loops = one_in(2);
    request.keep_location_tokens = one_in(2);
    request.priority = static_cast<int>(random() % 3);
    request.utf8 = static_cast<Utf8Policy>(random() % 3);
    if (one_in(3)) {
      request.max_tokens = 1 + static_cast<int>(random() % 60);
    }
    if (one_in(3)) {
      request.stop = {text.substr(text.size() / 2, 4), "none"};
    }
    if (one_in(3)) {
      request.image = noise(28 * (1 + static_cast<int>(random() % 3)), 56);
      request.image_key = std::to_string(request.image->width);
    }
    if (one_in(3)) {
      request.messages = {
          {Role::user, "OCR:"},
          {Role::assistant, digits(40, static_cast<unsigned>(i % 3))},
          {Role::user, "More?"},
      };
    }
    if (one_in(4)) {
      request.sampling.repetition_penalty = 1.3F;
    }
    auto copy = request;
    cases[i].plain = wait(*alone.submit(std::move(copy)));
    const std::vector<std::string> drafts{
        text, worn(text, 2),     worn(text, 9),
        "",   "of another kind", digits(500, 99) + text.substr(text.size() / 3),
    };
    cases[i].request = drafted(std::move(request), drafts[random() % drafts.size()]);
  }
  for (Case &one : cases) {
    one.ticket = engine.submit(std::move(one.request));
    if (one_in(5)) { // some are given up on, before or while they are read
      const TicketPtr given_up = engine.submit(drafted(saying(digits(300, 11)), digits(300, 11)));
      given_up->cancel();
      CHECK(wait(*given_up).finish_reason == FinishReason::cancelled);
    }
  }
  for (const Case &one : cases) {
    const Result &result = wait(*one.ticket);
    CHECK(equal_answers(result, one.plain));
    accepted += result.timings.accepted_tokens;
  }
  CHECK(accepted > 0);
  CHECK_EQUAL(ppocrvl::LiveCount<ppocrvl::Sequence>::count(), 0);
}
