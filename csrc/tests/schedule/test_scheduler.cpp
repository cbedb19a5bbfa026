// SPDX-License-Identifier: Apache-2.0
#include "kernels/kernels.h"
#include "schedule/board.h"
#include "schedule/scheduler.h"
#include "schedule/sequence.h"
#include "support/faults.h"
#include "tests/check.h"
#include "tests/engine_cases.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <future>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using ppocrvl::Board;
using ppocrvl::Engine;
using ppocrvl::ErrorKind;
using ppocrvl::FaultPoint;
using ppocrvl::FinishReason;
using ppocrvl::inject_fault;
using ppocrvl::Message;
using ppocrvl::Request;
using ppocrvl::Role;
using ppocrvl::Sequence;
using ppocrvl::Ticket;
using ppocrvl::visit_places;
using ppocrvl::test::endless;
using ppocrvl::test::noise;
using ppocrvl::test::question;
using ppocrvl::test::test_model;
using ppocrvl::test::wait;

namespace {

using TicketPtr = std::shared_ptr<Ticket>;

constexpr auto patience = 60s; // with what does not happen on a broken engine

/// Counts who passes a place of faults.h, and stops them at one of them.
class Gate {
public:
  explicit Gate(FaultPoint closed = FaultPoint::none) : state_(std::make_shared<State>()) {
    state_->closed = closed;
    visit_places([state = state_](FaultPoint place) {
      std::unique_lock<std::mutex> lock(state->mutex);
      ++state->passes[place];
      state->changed.notify_all();
      state->changed.wait(lock, [&] { return state->closed != place; });
    });
  }
  ~Gate() {
    visit_places(nullptr);
    open();
  }
  Gate(const Gate &) = delete;
  Gate &operator=(const Gate &) = delete;

  void open() {
    const std::scoped_lock lock(state_->mutex);
    state_->closed = FaultPoint::none;
    state_->changed.notify_all();
  }

  bool wait_for(FaultPoint place, int passes) {
    std::unique_lock<std::mutex> lock(state_->mutex);
    return state_->changed.wait_for(lock, patience,
                                    [&] { return state_->passes[place] >= passes; });
  }

  int passes(FaultPoint place) {
    const std::scoped_lock lock(state_->mutex);
    return state_->passes[place];
  }

private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    FaultPoint closed = FaultPoint::none;
    std::map<FaultPoint, int> passes;
  };

  std::shared_ptr<State> state_; // also of those who are on their way out
};

/// A decoding thread alone; its board is the test's.
class Decoder {
public:
  explicit Decoder(const ppocrvl::EngineOptions &options)
      : model_(model_options(options)), scheduler_(board, model_, sharing_, {1, 4096, false}),
        thread_([this] { scheduler_.run(); }) {}
  ~Decoder() {
    board.closing = true;
    board.ring();
    thread_.join();
  }
  Decoder(const Decoder &) = delete;
  Decoder &operator=(const Decoder &) = delete;

  [[nodiscard]] static ppocrvl::LanguageModelOptions
  model_options(const ppocrvl::EngineOptions &options) {
    ppocrvl::LanguageModelOptions made;
    made.path = options.llm;
    return made;
  }

  [[nodiscard]] static ppocrvl::GenerateJob job() {
    ppocrvl::GenerateJob made;
    made.prepared.request = endless(1);
    made.prepared.prompt.before_image = {1};
    made.prepared.max_tokens = 1;
    made.ticket = std::make_shared<Ticket>();
    return made;
  }

  Board board{0};

private:
  ppocrvl::CoreSharing sharing_;
  ppocrvl::LanguageModel model_;
  ppocrvl::Scheduler scheduler_;
  std::thread thread_;
};

constexpr std::size_t most_tickets = 12;

/// The n-th of some requests that differ in picture, prompt and length.
Request variant(int n) {
  if (n % 3 == 0) {
    return endless(5 + n % 7, "prompt number " + std::to_string(n));
  }
  return question(5 + n % 7, 28 * (1 + n % 5), 28 * (1 + n % 2));
}

/// There may be space only until the encoder puts a request back into the queue.
TicketPtr submit_when_possible(Engine &engine, Request request) {
  while (true) {
    engine.wait_for_queue_space(10s);
    try {
      return engine.submit(std::move(request)); // as it was where the line is full
    } catch (const ppocrvl::Error &error) {
      if (error.kind() != ErrorKind::queue_full) {
        throw;
      }
    }
  }
}

bool failed(Ticket &ticket, ErrorKind kind) {
  try {
    wait(ticket);
  } catch (const ppocrvl::Error &error) {
    return error.kind() == kind;
  }
  return false;
}

} // namespace

TEST_CASE("scheduler: deterministic answers are those of requests alone") {
  auto options = test_model();
  if (!options) {
    return;
  }
  options->deterministic = true;
  options->n_parallel = 3;
  Engine engine(*options);
  std::vector<std::vector<std::int32_t>> alone;
  std::vector<TicketPtr> together;
  alone.reserve(most_tickets);
  together.reserve(most_tickets);
  for (int n = 0; n < 12; ++n) {
    alone.push_back(wait(*engine.submit(variant(n))).token_ids);
  }
  for (int n = 12; n-- > 0;) {
    together.push_back(engine.submit(variant(n)));
  }
  for (int n = 0; n < 12; ++n) {
    CHECK(wait(*together[static_cast<std::size_t>(11 - n)]).token_ids ==
          alone[static_cast<std::size_t>(n)]);
  }
}

TEST_CASE("scheduler: requests decode together") {
  auto options = test_model();
  if (!options) {
    return;
  }
  options->n_parallel = 4;
  Engine engine(*options);
  std::vector<TicketPtr> tickets;
  tickets.reserve(most_tickets);
  for (int i = 0; i < 5; ++i) {
    tickets.push_back(engine.submit(endless(2000)));
  }
  std::string piece;
  for (int i = 0; i < 4; ++i) {
    // All four have begun while none has ended.
    CHECK(tickets[static_cast<std::size_t>(i)]->wait_piece(piece, 10s) == Ticket::Next::piece);
  }
  CHECK(std::none_of(tickets.begin(), tickets.end(), [](auto &t) { return t->wait_done(0ms); }));
  CHECK(tickets[4]->wait_piece(piece, 0ms) == Ticket::Next::timeout);
  tickets[0]->cancel(); // its place goes to the one that waits
  CHECK(tickets[4]->wait_piece(piece, 10s) == Ticket::Next::piece);
  for (const auto &ticket : tickets) {
    ticket->cancel();
    CHECK(wait(*ticket).finish_reason == FinishReason::cancelled);
  }
}

TEST_CASE("scheduler: a cache made for small requests grows for larger ones") {
  auto options = test_model();
  if (!options) {
    return;
  }
  options->n_parallel = 4;
  Engine engine(*options);
  // KV cells for four of the first, and for two of the others.
  std::vector<TicketPtr> tickets{engine.submit(endless(1700))};
  std::string piece;
  CHECK(tickets[0]->wait_piece(piece, 10s) == Ticket::Next::piece);
  for (int i = 0; i < 5; ++i) {
    tickets.push_back(engine.submit(endless(3000)));
  }
  CHECK(tickets[1]->wait_piece(piece, 10s) == Ticket::Next::piece);
  tickets[0]->cancel();
  wait(*tickets[0]);
  CHECK(tickets[2]->wait_piece(piece, 100ms) == Ticket::Next::timeout); // though it would fit
  tickets[1]->cancel();
  for (std::size_t i = 2; i < 6; ++i) {
    CHECK(tickets[i]->wait_piece(piece, 10s) == Ticket::Next::piece);
  }
  CHECK(
      std::none_of(tickets.begin() + 2, tickets.end(), [](auto &t) { return t->wait_done(0ms); }));
  for (const auto &ticket : tickets) {
    ticket->cancel();
    CHECK(wait(*ticket).finish_reason == FinishReason::cancelled);
  }
}

TEST_CASE("scheduler: a cache that grows holds those that wait behind") {
  auto options = test_model();
  if (!options) {
    return;
  }
  options->n_parallel = 4;
  options->kv_tokens = 16384;
  Engine engine(*options);
  std::string piece;
  const auto small = engine.submit(endless(400));
  CHECK(small->wait_piece(piece, 10s) == Ticket::Next::piece); // the cache is made for it
  const auto next = engine.submit(endless(2000)); // four like it leave no cells for both others
  const std::vector<TicketPtr> large{engine.submit(endless(3800)), engine.submit(endless(3800))};
  wait(*small);
  for (const auto &ticket : large) {
    CHECK(ticket->wait_piece(piece, 10s) == Ticket::Next::piece);
  }
  CHECK(!next->wait_done(0ms));
  for (const auto &ticket : {next, large[0], large[1]}) {
    ticket->cancel();
    wait(*ticket);
  }
}

TEST_CASE("scheduler: a limited cache makes requests wait, and refuses what can never fit") {
  auto options = test_model();
  if (!options) {
    return;
  }
  options->n_parallel = 4;
  options->kv_tokens = 512;
  Engine engine(*options);
  CHECK_THROWS_KIND(ErrorKind::context, engine.submit(endless(600)));
  std::vector<TicketPtr> tickets;
  tickets.reserve(most_tickets);
  for (int i = 0; i < 6; ++i) {
    tickets.push_back(engine.submit(endless(200))); // two fit
  }
  for (const auto &ticket : tickets) {
    CHECK_EQUAL(wait(*ticket).token_ids.size(), 200U);
  }
}

TEST_CASE("scheduler: a deadline ends what runs and what waits") {
  auto options = test_model();
  if (!options) {
    return;
  }
  Engine engine(*options);
  wait(*engine.submit(endless(4000 - 100, "room"))); // the cache is large enough from now on
  auto late = endless(3900);
  late.deadline = std::chrono::steady_clock::now() + 100ms;
  const auto running = engine.submit(std::move(late));
  auto impatient = endless(10);
  impatient.deadline = std::chrono::steady_clock::now() + 20ms;
  const auto waiting = engine.submit(std::move(impatient));
  const auto &stopped = wait(*waiting);
  CHECK(stopped.finish_reason == FinishReason::deadline);
  CHECK(stopped.token_ids.empty());
  const auto &result = wait(*running);
  CHECK(result.finish_reason == FinishReason::deadline);
  CHECK(!result.token_ids.empty());
}

TEST_CASE("scheduler: the line has an end") {
  auto options = test_model();
  if (!options) {
    return;
  }
  options->max_waiting = 2;
  bool was_read_meanwhile = true; // on a busy machine; then nothing had to wait
  while (was_read_meanwhile) {
    Engine engine(*options);
    const auto running = engine.submit(endless(3900));
    std::string piece;
    CHECK(running->wait_piece(piece, 10s) == Ticket::Next::piece);
    // One in each line: an encoded picture, and one that waits for it to have a place.
    std::vector<TicketPtr> waiting;
    waiting.reserve(most_tickets);
    waiting.push_back(engine.submit(question(1)));
    wait(*engine.submit_embedding(noise(28, 28), "")); // behind it
    waiting.push_back(engine.submit(question(1)));
    auto one_more = endless(1);
    auto image = noise(28, 28);
    bool is_full = false;
    try {
      waiting.push_back(engine.submit(std::move(one_more)));
    } catch (const ppocrvl::Error &error) {
      is_full = error.kind() == ErrorKind::queue_full;
    }
    was_read_meanwhile = running->wait_done(0ms);
    if (was_read_meanwhile) {
      continue;
    }
    CHECK(is_full);
    CHECK_THROWS_KIND(ErrorKind::queue_full, engine.submit_embedding(std::move(image), ""));
    running->cancel();
    CHECK(engine.wait_for_queue_space(10s));
    // NOLINTNEXTLINE(bugprone-use-after-move): as it was, where it was refused
    waiting.push_back(engine.submit(std::move(one_more)));
    for (const auto &ticket : waiting) {
      wait(*ticket);
    }
  }
}

TEST_CASE("scheduler: the more urgent goes first") {
  auto options = test_model();
  if (!options) {
    return;
  }
  Engine engine(*options);
  const auto running = engine.submit(endless(3900));
  std::string piece;
  running->wait_piece(piece, 10s);
  std::atomic<int> ended{0};
  std::vector<TicketPtr> tickets;
  tickets.reserve(most_tickets);
  std::vector<int> places(3, -1);
  for (int priority = 0; priority < 3; ++priority) {
    auto request = endless(3);
    request.priority = priority;
    tickets.push_back(engine.submit(std::move(request)));
    auto *ticket = tickets.back().get();
    ticket->listen([&ended, &place = places[static_cast<std::size_t>(priority)], ticket] {
      if (place < 0 && ticket->wait_done(0ms)) {
        place = ended++;
      }
    });
  }
  running->cancel();
  for (const auto &ticket : tickets) {
    wait(*ticket);
  }
  engine.close(); // and its threads have told all they had to tell
  CHECK(places == std::vector<int>({2, 1, 0}));
}

TEST_CASE("scheduler: a picture that was encoded is not encoded again") {
  auto options = test_model();
  if (!options) {
    return;
  }
  Engine engine(*options);
  const auto ask = [&](const std::string &prompt) {
    auto request = question(3);
    request.image_key = "the picture";
    request.messages = {{ppocrvl::Role::user, prompt}};
    return wait(*engine.submit(std::move(request)));
  };
  const auto first = ask("OCR:");
  const auto second = ask("Table Recognition:");
  CHECK(!first.timings.cached_image);
  CHECK(first.timings.encode > 0.0);
  CHECK(second.timings.cached_image);
  CHECK_EQUAL(second.timings.encode, 0.0);
  CHECK(ask("OCR:").token_ids == first.token_ids);
  CHECK(wait(*engine.submit_embedding(noise(84, 56), "the picture")) ==
        wait(*engine.submit_embedding(noise(84, 56), "the picture")));
}

TEST_CASE("scheduler: what fails takes nobody with it") {
  auto options = test_model();
  if (!options) {
    return;
  }
  options->n_parallel = 4;
  Engine engine(*options);
  const auto expected = wait(*engine.submit(endless(50))).token_ids;

  // The batch of all fails once, and then one of them alone.
  std::vector<TicketPtr> tickets;
  tickets.reserve(most_tickets);
  for (int i = 0; i < 4; ++i) {
    tickets.push_back(engine.submit(endless(50)));
  }
  std::string piece;
  for (const auto &ticket : tickets) {
    ticket->wait_piece(piece, 10s);
  }
  inject_fault(FaultPoint::decode, 2);
  int failures = 0;
  for (const auto &ticket : tickets) {
    failures += failed(*ticket, ErrorKind::engine) ? 1 : 0;
  }
  CHECK_EQUAL(failures, 1);
  inject_fault(FaultPoint::none, 0);

  inject_fault(FaultPoint::encode, 1);
  const auto broken = engine.submit(question(3));
  const auto whole = engine.submit(question(3));
  CHECK(failed(*broken, ErrorKind::engine));
  CHECK(!wait(*whole).token_ids.empty());

  inject_fault(FaultPoint::grow_cache, 1);
  CHECK(failed(*engine.submit(endless(3000)), ErrorKind::engine));
  inject_fault(FaultPoint::none, 0);
  CHECK(wait(*engine.submit(endless(50))).token_ids == expected);
}

TEST_CASE("scheduler: a batch that fails in the middle of a picture is made good") {
  auto options = test_model();
  if (!options) {
    return;
  }
  options->n_parallel = 3;
  Engine engine(*options);
  const auto large = noise(28 * 30, 28 * 30); // 900 image tokens: several chunks
  const auto ask = [&](const std::string &key) {
    auto request = question(4);
    request.image = large;
    request.image_key = key;
    return engine.submit(std::move(request));
  };
  const auto expected = wait(*ask("first")).logprobs;
  // Not to the bit: how many tokens there are decides how products are computed.
  const auto is_close = [](double a, double b) { return std::fabs(a - b) < 0.05; };
  for (int after = 0; after < 8; ++after) {
    // Two, so that no batch is of one sequence, which would be to blame.
    const std::vector<TicketPtr> texts{engine.submit(endless(3000)), engine.submit(endless(3000))};
    std::string piece;
    for (const auto &text : texts) {
      text->wait_piece(piece, 10s);
    }
    const std::string key = std::to_string(after); // not in the cache of tokens, but encoded
    wait(*engine.submit_embedding(ppocrvl::RgbImage(large), key));
    inject_fault(FaultPoint::decode, 1, after);
    const auto result = wait(*ask(key));
    CHECK(std::equal(expected.begin(), expected.end(), result.logprobs.begin(),
                     result.logprobs.end(), is_close));
    CHECK_EQUAL(result.timings.reused_tokens, 0);
    for (const auto &text : texts) {
      CHECK(!text->wait_done(0ms));
      text->cancel();
      CHECK(wait(*text).finish_reason == FinishReason::cancelled);
    }
  }
  inject_fault(FaultPoint::none, 0);
}

TEST_CASE("scheduler: small pictures that wait are encoded together") {
  auto options = test_model();
  if (!options) {
    return;
  }
  options->cache_bytes = 0;
  Engine engine(*options);
  const std::vector<std::pair<int, int>> sizes{{84, 56}, {336, 28}, {28, 28}, {140, 84}, {84, 56}};
  std::vector<std::vector<std::int32_t>> expected;
  expected.reserve(sizes.size());
  for (const auto &[width, height] : sizes) {
    expected.push_back(wait(*engine.submit(question(8, width, height))).token_ids);
  }
  const auto submit_all = [&] {
    std::vector<TicketPtr> tickets;
    tickets.push_back(engine.submit(question(1, 28 * 40, 28 * 40)));
    std::this_thread::sleep_for(20ms); // the encoder is busy with it
    for (const auto &[width, height] : sizes) {
      tickets.push_back(engine.submit(question(8, width, height)));
    }
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      CHECK(wait(*tickets[i + 1]).token_ids == expected[i]);
    }
    return tickets;
  };
  // The time of one pass is shared among the image tokens in it.
  const auto shared_a_pass = [](const std::vector<TicketPtr> &tickets) {
    return tickets[1]->value().timings.encode == tickets[5]->value().timings.encode;
  };
  if (ppocrvl::kernels::available().empty()) {
    return;
  }
  bool together = false; // on a busy machine the encoder may be done before all are there
  for (int attempt = 0; attempt < 10 && !together; ++attempt) {
    together = shared_a_pass(submit_all());
  }
  CHECK(together);

  // A pass that fails is repeated picture by picture.
  inject_fault(FaultPoint::encode_together, 1000);
  CHECK(!shared_a_pass(submit_all()));
  inject_fault(FaultPoint::none, 0);

  // A picture that is given up leaves the others theirs.
  const auto busy = engine.submit(question(1, 28 * 40, 28 * 40));
  const auto given_up = engine.submit(question(8, 84, 56));
  const auto kept = engine.submit(question(8, 140, 84));
  given_up->cancel();
  CHECK(wait(*given_up).finish_reason == FinishReason::cancelled);
  CHECK(wait(*kept).token_ids == expected[3]);
}

TEST_CASE("scheduler: stop texts, loops and broken text end an answer") {
  const auto options = test_model();
  if (!options) {
    return;
  }
  Engine engine(*options);
  const auto whole = wait(*engine.submit(endless(60)));
  const std::string stop = whole.text.substr(whole.text.size() / 2, 4);
  auto stopped = endless(60);
  stopped.stop = {"never there", stop};
  const auto ticket = engine.submit(std::move(stopped));
  std::string streamed;
  std::string piece;
  while (ticket->wait_piece(piece, 10s) == Ticket::Next::piece) {
    streamed += piece;
  }
  const auto &result = ticket->value();
  CHECK_EQUAL(result.text, whole.text.substr(0, whole.text.find(stop)));
  CHECK_EQUAL(streamed, result.text);
  CHECK(result.finish_reason == FinishReason::stop);
  CHECK_EQUAL(result.text_ends.size(), result.token_ids.size());

  auto looping = endless(3000);
  looping.stop_loops = true;
  looping.sampling.logit_bias.emplace_back(whole.token_ids.front(), 1e6F);
  const auto loop = wait(*engine.submit(std::move(looping)));
  CHECK(loop.finish_reason == FinishReason::repetition);
  CHECK_EQUAL(loop.token_ids.size(), 1U);
  CHECK(loop.repeated_tokens > 20);

  constexpr std::int32_t byte_e2 = 13 + 0xE2; // the vocabulary has the bytes from 13 on
  auto broken = endless(3);
  broken.sampling.logit_bias.emplace_back(byte_e2, 1e6F);
  auto strict = broken;
  strict.utf8 = ppocrvl::Utf8Policy::strict;
  auto constrained = broken;
  constrained.utf8 = ppocrvl::Utf8Policy::constrain;
  CHECK_EQUAL(wait(*engine.submit(std::move(broken))).text, "\uFFFD\uFFFD\uFFFD");
  CHECK_THROWS_KIND(ErrorKind::text, wait(*engine.submit(std::move(strict))));
  const std::string character = wait(*engine.submit(std::move(constrained))).text;
  CHECK_EQUAL(character.size(), 3U); // one character of three bytes, the first of which is E2
  CHECK_EQUAL(character.front(), '\xE2');
}

TEST_CASE("scheduler: sampling that cannot work is refused") {
  const auto options = test_model();
  if (!options) {
    return;
  }
  Engine engine(*options);
  const auto refused = [&](auto change) {
    auto request = endless(1);
    change(request);
    CHECK_THROWS_KIND(ErrorKind::option, engine.submit(std::move(request)));
  };
  refused([](Request &r) { r.sampling.temperature = -1.0F; });
  refused([](Request &r) { r.sampling.top_p = 0.0F; });
  refused([](Request &r) { r.sampling.min_p = 1.5F; });
  refused([](Request &r) { r.sampling.top_k = -1; });
  refused([](Request &r) { r.sampling.repetition_penalty = 0.0F; });
  refused([](Request &r) { r.sampling.logit_bias = {{1'000'000, 1.0F}}; });
  refused([](Request &r) { r.sampling.grammar = "root ::= ("; });
  refused([](Request &r) { r.sampling.grammar = "other ::= \"a\""; });
  refused([](Request &r) { r.stop = {""}; });
}

TEST_CASE("scheduler: biases choose the token, and its probability stays the model's own") {
  const auto options = test_model();
  if (!options) {
    return;
  }
  Engine engine(*options);
  using Biases = std::vector<std::pair<std::int32_t, float>>;
  const auto ask = [&](const Biases &biases) {
    auto request = endless(1);
    auto &all = request.sampling.logit_bias; // that it does not end stays
    all.insert(all.end(), biases.begin(), biases.end());
    const auto result = wait(*engine.submit(std::move(request)));
    return std::pair(result.token_ids.at(0), result.logprobs.at(0));
  };
  const auto first = ask({});
  const auto second = ask({{first.first, -std::numeric_limits<float>::infinity()}});
  CHECK(second.first != first.first);
  CHECK(second.second < first.second);
  CHECK(ask({{second.first, 100.0F}}) == second);
  CHECK(ask({{second.first, 60.0F}, {second.first, 40.0F}}) == second); // they add up
  CHECK(std::exp(first.second) + std::exp(second.second) <= 1.0);
}

TEST_CASE("scheduler: grammar, temperature and seed") {
  const auto options = test_model();
  if (!options) {
    return;
  }
  Engine engine(*options);
  const auto ask = [&](auto change) {
    auto request = endless(12);
    change(request.sampling);
    return wait(*engine.submit(std::move(request)));
  };
  const auto digits = ask([](auto &sampling) { sampling.grammar = "root ::= [0-9]+"; });
  CHECK_EQUAL(digits.text.find_first_not_of("0123456789"), std::string::npos);
  CHECK_EQUAL(digits.text.size(), 12U);
  const auto drawn_digits = ask([](auto &sampling) {
    sampling.grammar = "root ::= [0-9]+";
    sampling.temperature = 2.0F;
    sampling.repetition_penalty = 1.2F;
  });
  CHECK_EQUAL(drawn_digits.text.find_first_not_of("0123456789"), std::string::npos);
  CHECK(drawn_digits.text != digits.text);
  // Twice as many ways to go on with each letter.
  auto ambiguous = endless(40);
  ambiguous.sampling.grammar = R"(root ::= [a-z] root "1" | [a-z] root "2" | [a-z]{200})";
  const std::string letters = wait(*engine.submit(std::move(ambiguous))).text;
  CHECK(letters.size() >= 40);
  CHECK_EQUAL(letters.find_first_not_of("abcdefghijklmnopqrstuvwxyz"), std::string::npos);
  const auto drawn = [&](std::uint32_t seed) {
    return ask([seed](auto &sampling) {
      sampling.temperature = 2.0F;
      sampling.seed = seed;
    });
  };
  CHECK(drawn(1).token_ids == drawn(1).token_ids);
  CHECK(drawn(1).token_ids != drawn(2).token_ids);
}

TEST_CASE("scheduler: thousands of operations in any order") {
  auto options = test_model();
  if (!options) {
    return;
  }
  const int tickets_before = ppocrvl::LiveCount<Ticket>::count();
  options->n_parallel = 3;
  options->deterministic = true;
  options->max_waiting = 20;
  options->kv_tokens = 3 * 512;
  {
    Engine engine(*options);
    constexpr int kinds = 6;
    std::vector<std::vector<std::int32_t>> expected;
    expected.reserve(kinds);
    for (int n = 0; n < kinds; ++n) {
      expected.push_back(wait(*engine.submit(variant(n))).token_ids);
    }
    struct Asked {
      TicketPtr ticket;
      int kind;
      bool may_end_early;
    };
    std::vector<Asked> asked;
    std::mt19937 random(11);
    for (int operation = 0; operation < 600; ++operation) {
      const auto draw = [&](int n) {
        return static_cast<int>(random() % static_cast<unsigned>(n));
      };
      const int what = draw(10);
      if (what < 5) {
        Asked one{nullptr, draw(kinds), false};
        auto request = variant(one.kind);
        request.priority = draw(3);
        if (draw(8) == 0) {
          one.may_end_early = true;
          request.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(draw(30));
        }
        one.ticket = submit_when_possible(engine, std::move(request));
        asked.push_back(std::move(one));
      } else if (what < 7 && !asked.empty()) {
        Asked &one = asked[static_cast<std::size_t>(draw(static_cast<int>(asked.size())))];
        one.may_end_early = true;
        one.ticket->cancel();
      } else if (what < 9 && !asked.empty()) {
        std::string piece;
        asked[static_cast<std::size_t>(draw(static_cast<int>(asked.size())))].ticket->wait_piece(
            piece, 1ms);
      } else {
        std::this_thread::sleep_for(std::chrono::milliseconds(draw(3)));
      }
    }
    for (const Asked &one : asked) {
      const auto &result = wait(*one.ticket);
      const auto &whole = expected[static_cast<std::size_t>(one.kind)];
      const bool early = result.finish_reason == FinishReason::cancelled ||
                         result.finish_reason == FinishReason::deadline;
      CHECK(!early || one.may_end_early);
      CHECK(early ? result.token_ids.size() <= whole.size() &&
                        std::equal(result.token_ids.begin(), result.token_ids.end(), whole.begin())
                  : result.token_ids == whole);
    }
  }
  CHECK_EQUAL(ppocrvl::LiveCount<Ticket>::count(), tickets_before);
  CHECK_EQUAL(ppocrvl::LiveCount<Sequence>::count(), 0);
}

namespace {

/// A question about the n-th picture, or the turns that came of it.
Request turn(int picture, std::vector<Message> messages, int max_tokens = 12) {
  auto request = question(max_tokens, 28 * (3 + picture), 56);
  request.image_key = "picture " + std::to_string(picture);
  request.messages = std::move(messages);
  request.sampling.logit_bias = {{ppocrvl::test::end_of_answer, -1e9F}};
  return request;
}

/// The conversation that goes on after an answer.
std::vector<Message> after(std::vector<Message> messages, const std::string &answer,
                           const std::string &next) {
  messages.push_back({Role::assistant, answer});
  messages.push_back({Role::user, next});
  return messages;
}

const std::vector<Message> first_turn = {{Role::user, "OCR:"}};

} // namespace

TEST_CASE("scheduler: the next turn about a picture feeds only what is new") {
  auto options = test_model();
  if (!options) {
    return;
  }
  Engine engine(*options);
  const auto first = wait(*engine.submit(turn(0, first_turn)));
  CHECK_EQUAL(first.timings.reused_tokens, 0);
  const auto turns = after(first_turn, first.text, "And the table?");
  // Needs a larger cache, into which the conversation moves.
  const auto second = wait(*engine.submit(turn(0, turns, 300)));
  // All but what was never fed: the answer's last token, its end, and what the user says then. The
  // answer's tokens need not be those that its text is split into.
  CHECK(second.timings.reused_tokens > first.timings.prompt_tokens - 1);
  CHECK(second.timings.reused_tokens < second.timings.prompt_tokens);
  const auto third = wait(*engine.submit(turn(0, after(turns, second.text, "More?"))));
  CHECK(third.timings.reused_tokens >= second.timings.prompt_tokens);
  // Another question about the picture goes on from the picture, in a place of its own or not.
  const auto other = wait(*engine.submit(turn(0, {{Role::user, "Table Recognition:"}})));
  CHECK(other.timings.reused_tokens >= other.timings.image_tokens);
  CHECK(other.timings.cached_image);
  auto unknown = turn(0, turns);
  unknown.image_key.clear();
  CHECK_EQUAL(wait(*engine.submit(std::move(unknown))).timings.reused_tokens, 0);
}

TEST_CASE("scheduler: a conversation's answers are the same with and without what was left") {
  auto options = test_model();
  if (!options) {
    return;
  }
  options->n_parallel = 3;
  options->deterministic = true;
  Engine fresh(*options);
  Engine engine(*options);
  constexpr int pictures = 4; // more than there are places
  std::vector<std::vector<Message>> turns(pictures, first_turn);
  // Longer than a chunk, so that chunks of text are used again too.
  const std::string long_question(300, '7');
  for (int round = 0; round < 3; ++round) {
    std::vector<TicketPtr> tickets(pictures);
    for (int i = 0; i < pictures; ++i) { // those that ended last come first: they are still there
      const int picture = round % 2 == 0 ? i : pictures - 1 - i;
      const auto at = static_cast<std::size_t>(picture);
      tickets[at] = engine.submit(turn(picture, turns[at]));
    }
    int reused = 0;
    for (int picture = 0; picture < pictures; ++picture) {
      auto &messages = turns[static_cast<std::size_t>(picture)];
      auto alone = turn(picture, messages);
      alone.image_key.clear(); // nothing is used again
      const auto expected = wait(*fresh.submit(std::move(alone)));
      const auto &found = wait(*tickets[static_cast<std::size_t>(picture)]);
      CHECK(found.token_ids == expected.token_ids);
      CHECK(found.logprobs == expected.logprobs);
      CHECK_EQUAL(expected.timings.reused_tokens, 0);
      reused = std::max(reused, found.timings.reused_tokens);
      messages = after(messages, found.text, long_question + std::to_string(round));
    }
    CHECK((reused > 0) == (round > 0));
    CHECK(round < 2 || reused > 256); // more than the picture
  }
}

TEST_CASE("scheduler: long prompts are fed in the same chunks whatever runs") {
  auto options = test_model();
  if (!options) {
    return;
  }
  options->n_parallel = 4;
  options->deterministic = true;
  Engine engine(*options);
  const auto ask = [](int n) {
    return endless(30,
                   std::string(250 + 50 * static_cast<std::size_t>(n), '1') + std::to_string(n));
  };
  std::vector<std::vector<double>> alone;
  std::vector<TicketPtr> together;
  alone.reserve(most_tickets);
  together.reserve(most_tickets);
  for (int n = 0; n < 4; ++n) {
    alone.push_back(wait(*engine.submit(ask(n))).logprobs);
  }
  for (int n = 4; n-- > 0;) {
    together.push_back(engine.submit(ask(n)));
  }
  for (std::size_t n = 0; n < 4; ++n) {
    CHECK(wait(*together[3 - n]).logprobs == alone[n]);
  }
}

TEST_CASE("scheduler: what was left makes way for others") {
  auto options = test_model();
  if (!options) {
    return;
  }
  options->n_parallel = 2;
  options->kv_tokens = 512;
  Engine engine(*options);
  const auto first = wait(*engine.submit(turn(0, first_turn)));
  const auto turns = after(first_turn, first.text, "More?");
  // The other slot holds this one, and the conversation is still there.
  wait(*engine.submit(endless(100)));
  CHECK(wait(*engine.submit(turn(0, turns))).timings.reused_tokens > 0);
  // It takes the whole cache, so that the conversation has to go.
  CHECK_EQUAL(wait(*engine.submit(endless(490))).token_ids.size(), 490U);
  CHECK_EQUAL(wait(*engine.submit(turn(0, turns))).timings.reused_tokens, 0);
  CHECK(wait(*engine.submit(turn(0, turns))).timings.reused_tokens > 0);
  // A cache that cannot be made takes what was left with it, and nothing else.
  options->kv_tokens = 0;
  Engine growing(*options);
  wait(*growing.submit(turn(0, first_turn)));
  inject_fault(FaultPoint::grow_cache, 1);
  CHECK(failed(*growing.submit(turn(0, turns, 3000)), ErrorKind::engine));
  inject_fault(FaultPoint::none, 0);
  CHECK(!wait(*growing.submit(turn(0, turns, 3000))).token_ids.empty());
  CHECK_EQUAL(ppocrvl::LiveCount<Sequence>::count(), 0);
}

TEST_CASE("scheduler: a conversation goes on after a cancelled answer") {
  auto options = test_model();
  if (!options) {
    return;
  }
  Engine engine(*options);
  const auto running = engine.submit(turn(0, first_turn, 3000));
  std::string piece;
  CHECK(running->wait_piece(piece, 10s) == Ticket::Next::piece);
  running->cancel();
  const auto cancelled = wait(*running);
  CHECK(cancelled.finish_reason == FinishReason::cancelled);
  const auto next = wait(*engine.submit(turn(0, after(first_turn, cancelled.text, "And?"))));
  CHECK(next.timings.reused_tokens >= cancelled.timings.prompt_tokens - 1);
}

TEST_CASE("scheduler: who closes the engine while an admission fails is heard") {
  const auto options = test_model();
  if (!options) {
    return;
  }
  Engine engine(*options);
  Gate gate(FaultPoint::grow_cache);
  inject_fault(FaultPoint::grow_cache, 1);
  const auto ticket = engine.submit(endless(10));
  CHECK(gate.wait_for(FaultPoint::grow_cache, 1));
  const auto closed = std::async(std::launch::async, [&engine] { engine.close(); });
  const auto is_closing = [&engine] {
    try {
      engine.submit(endless(1));
    } catch (const ppocrvl::Error &error) {
      return error.kind() == ErrorKind::cancelled;
    }
    return false;
  };
  while (!is_closing()) {
    std::this_thread::yield();
  }
  gate.open();
  CHECK(closed.wait_for(patience) == std::future_status::ready);
  CHECK(failed(*ticket, ErrorKind::engine));
  ticket->cancel(); // wakes whom `close` did not wake
  inject_fault(FaultPoint::none, 0);
}

TEST_CASE("scheduler: who is cancelled while an admission fails is answered") {
  const auto options = test_model();
  if (!options) {
    return;
  }
  Decoder decoder(*options);
  Gate gate(FaultPoint::grow_cache);
  inject_fault(FaultPoint::grow_cache, 1);
  auto fails = Decoder::job();
  auto cancelled = Decoder::job();
  const TicketPtr failing = fails.ticket;
  const TicketPtr waiting = cancelled.ticket;
  {
    const std::scoped_lock lock(decoder.board.mutex);
    decoder.board.to_admit.push_back(std::move(fails));
    decoder.board.to_encode.emplace_back(std::move(cancelled)); // which nobody does
  }
  decoder.board.ring();
  CHECK(gate.wait_for(FaultPoint::grow_cache, 1));
  waiting->cancel();
  decoder.board.ring();
  gate.open();
  CHECK(waiting->wait_done(patience));
  CHECK(failed(*failing, ErrorKind::engine));
  inject_fault(FaultPoint::none, 0);
}

TEST_CASE("scheduler: who waits for space in the queue hears of an admission that fails") {
  const auto options = test_model();
  if (!options) {
    return;
  }
  Decoder decoder(*options);
  inject_fault(FaultPoint::grow_cache, 1);
  Board &board = decoder.board;
  auto job = Decoder::job();
  const TicketPtr ticket = job.ticket;
  {
    std::unique_lock<std::mutex> lock(board.mutex);
    board.to_admit.push_back(std::move(job));
    board.changed.notify_all();
    bool is_told = true;
    while (is_told && !board.to_admit.empty()) {
      is_told = board.changed.wait_for(lock, patience) == std::cv_status::no_timeout;
    }
    CHECK(is_told);
  }
  CHECK(failed(*ticket, ErrorKind::engine));
  inject_fault(FaultPoint::none, 0);
}

TEST_CASE("scheduler: text that waits does not keep pictures from being encoded") {
  auto options = test_model();
  if (!options) {
    return;
  }
  options->encode_threads = 1; // so that a decoder that is stopped leaves the encoder its cores
  Engine engine(*options);
  Gate gate(FaultPoint::decode);
  const auto running = engine.submit(endless(2));
  CHECK(gate.wait_for(FaultPoint::decode, 1));
  const auto text = engine.submit(endless(1));
  const auto picture = engine.submit(question(1));
  CHECK(gate.wait_for(FaultPoint::encode, 1));
  CHECK(engine.submit_embedding(noise(28, 28), "")->wait_done(patience));
  // One encoded picture waits, as many as may; what is only embedded still goes on.
  CHECK(engine.submit_embedding(noise(28, 28), "")->wait_done(patience));
  CHECK(!running->wait_done(0ms));
  gate.open();
  for (const auto &ticket : {running, text, picture}) {
    wait(*ticket);
  }
}

TEST_CASE("scheduler: a picture goes first that is more urgent than those encoded ahead") {
  auto options = test_model();
  if (!options) {
    return;
  }
  options->encode_threads = 1;
  Engine engine(*options);
  Gate gate(FaultPoint::decode);
  const auto running = engine.submit(endless(2));
  CHECK(gate.wait_for(FaultPoint::decode, 1));
  const auto patient = engine.submit(question(1));
  CHECK(gate.wait_for(FaultPoint::encode, 1));
  auto request = question(1);
  request.priority = 1;
  const auto urgent = engine.submit(std::move(request));
  CHECK(gate.wait_for(FaultPoint::encode, 2)); // though the other has no place yet
  gate.open();
  for (const auto &ticket : {running, patient, urgent}) {
    wait(*ticket);
  }
}

TEST_CASE("scheduler: a place is kept for a more urgent request whose picture is being encoded") {
  auto options = test_model();
  if (!options) {
    return;
  }
  options->encode_threads = 1;
  options->n_parallel = 2;
  Engine engine(*options);
  std::string piece;
  const std::vector<TicketPtr> running{engine.submit(endless(3900)), engine.submit(endless(3900))};
  for (const auto &ticket : running) {
    CHECK(ticket->wait_piece(piece, patience) == Ticket::Next::piece);
  }
  Gate gate(FaultPoint::encode);
  auto request = question(3);
  request.priority = 1;
  const auto urgent = engine.submit(std::move(request));
  CHECK(gate.wait_for(FaultPoint::encode, 1));
  const auto text = engine.submit(endless(3));
  running[0]->cancel();
  wait(*running[0]);
  CHECK(text->wait_piece(piece, 200ms) == Ticket::Next::timeout); // the place is kept
  running[1]->cancel();
  wait(*text); // there is one for each
  CHECK(!urgent->wait_done(0ms));
  const auto last = engine.submit(endless(3));
  wait(*last);
  // What it was kept for needs no place any more.
  inject_fault(FaultPoint::encode, 1);
  const std::vector<TicketPtr> more{engine.submit(endless(3900)), engine.submit(endless(3900))};
  CHECK(more[0]->wait_piece(piece, patience) == Ticket::Next::piece);
  CHECK(more[1]->wait_piece(piece, 200ms) == Ticket::Next::timeout);
  gate.open();
  CHECK(failed(*urgent, ErrorKind::engine));
  CHECK(more[1]->wait_piece(piece, patience) == Ticket::Next::piece);
  inject_fault(FaultPoint::none, 0);
  for (const auto &ticket : more) {
    ticket->cancel();
    wait(*ticket);
  }
}

TEST_CASE("scheduler: a cache that cannot be as large as wished is as large as it can be") {
  auto options = test_model();
  if (!options) {
    return;
  }
  options->n_parallel = 4;
  Engine engine(*options);
  Gate gate;
  const auto allocations = [&gate] { return gate.passes(FaultPoint::allocate_cache); };
  inject_fault(FaultPoint::allocate_cache, 2);
  wait(*engine.submit(turn(0, first_turn, 400)));
  CHECK_EQUAL(allocations(), 3);
  // Nobody tries for more before more is needed.
  const std::vector<Message> other{{Role::user, "Table Recognition:"}};
  const auto second = wait(*engine.submit(turn(0, other, 400)));
  CHECK(second.timings.reused_tokens > 0);
  CHECK_EQUAL(allocations(), 3);
  // A conversation moves into a cache that is smaller than wished.
  inject_fault(FaultPoint::allocate_cache, 1);
  const auto third = wait(*engine.submit(turn(0, after(other, second.text, "And?"), 3000)));
  CHECK(third.timings.reused_tokens > 0);
  CHECK_EQUAL(allocations(), 5);

  // Where even what is needed cannot be had, smaller requests can.
  Engine small(*options);
  const auto expected = wait(*small.submit(endless(50))).token_ids;
  inject_fault(FaultPoint::allocate_cache, 1000);
  CHECK(failed(*small.submit(endless(3000)), ErrorKind::engine));
  inject_fault(FaultPoint::none, 0);
  CHECK(wait(*small.submit(endless(50))).token_ids == expected);
}
