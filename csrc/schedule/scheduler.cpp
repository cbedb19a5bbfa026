// SPDX-License-Identifier: Apache-2.0
#include "schedule/scheduler.h"

#include "schedule/draft_shares.h"
#include "support/error.h"
#include "support/exception_memory.h"
#include "support/faults.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace ppocrvl {
namespace {

const std::exception_ptr cancelled =
    std::make_exception_ptr(Error(ErrorKind::cancelled, "the request was cancelled"));

void fulfil_stopped(const EncodeJob &job) {
  if (const auto *generate = std::get_if<GenerateJob>(&job)) {
    generate->ticket->fulfil(result_of_stopped(*generate));
  } else if (const auto *embed = std::get_if<EmbedJob>(&job)) {
    embed->pending->fail(cancelled);
  }
}

const Cancellable &request_of(const GenerateJob &job) { return *job.ticket; }

const Cancellable &request_of(const EncodeJob &job) {
  if (const auto *generate = std::get_if<GenerateJob>(&job)) {
    return *generate->ticket;
  }
  return *std::get<EmbedJob>(job).pending;
}

/// The first of the jobs that is over, taken out.
template <class Job> std::optional<EncodeJob> take_stopped_of(std::vector<Job> &jobs) {
  const auto found = std::find_if(jobs.begin(), jobs.end(),
                                  [](const Job &job) { return request_of(job).is_over(); });
  if (found == jobs.end()) {
    return std::nullopt;
  }
  std::optional<EncodeJob> stopped(std::move(*found));
  jobs.erase(found);
  return stopped;
}

using Deadline = std::optional<Cancellable::Clock::time_point>;

template <class Job> void take_earlier(const std::vector<Job> &jobs, Deadline &earliest) {
  for (const Job &job : jobs) {
    const Deadline &deadline = request_of(job).deadline();
    if (deadline && (!earliest || *deadline < *earliest)) {
      earliest = deadline;
    }
  }
}

} // namespace

Scheduler::Scheduler(Board &board, LanguageModel &model, CoreSharing &sharing,
                     const SchedulerOptions &options)
    : board_(board), model_(model), sharing_(sharing), options_(options),
      slots_(options.n_parallel), largest_(options.kv_tokens),
      needs_(static_cast<std::size_t>(options.n_parallel)) {
  active_.reserve(needs_.size());
}

void Scheduler::run() {
  take_memory_for_exceptions();
  while (go_on()) {
  }
  fail_everything(closed_error());
}

/// One round; false once the board closes. What a round itself fails with (there is no memory for
/// its own lists, say) ends requests that it worked on: the thread lives on.
bool Scheduler::go_on() {
  try {
    if (!collect()) {
      return false;
    }
    step();
  } catch (...) {
    give_up(current_error());
  }
  return true;
}

/// Ends those that run. Where none does, those that wait for a place: the next round would meet the
/// same error. Never both: who hears of the end of one request may already have sent the next.
void Scheduler::give_up(const std::exception_ptr &error) {
  if (!active_.empty()) {
    fail_everything(error);
    return;
  }
  std::vector<GenerateJob> waiting;
  {
    const std::scoped_lock lock(board_.mutex);
    waiting.swap(board_.to_admit);
  }
  for (const GenerateJob &job : waiting) {
    job.ticket->fail(error);
  }
}

/// Answers waiting requests that are over and gives places to others. Waits while there is nothing
/// to do; false once the board closes.
bool Scheduler::collect() {
  std::unique_lock<std::mutex> lock(board_.mutex);
  // Whoever changes the board while it is not locked here finds nobody waiting. So after each piece
  // of work everything is looked at again, and the lock is held from the last look to the wait.
  const auto unlocked = [&](auto work) {
    lock.unlock();
    board_.changed.notify_all(); // there is space in a queue
    work();
    lock.lock();
  };
  while (!board_.closing) {
    if (std::optional<EncodeJob> stopped = take_stopped()) {
      unlocked([&] { fulfil_stopped(*stopped); });
      continue;
    }
    if (std::optional<GenerateJob> job = take_next()) {
      unlocked([&] { admit(std::move(*job)); });
      continue;
    }
    if (!active_.empty()) {
      return true;
    }
    Deadline earliest;
    take_earlier(board_.to_encode, earliest);
    take_earlier(board_.to_admit, earliest);
    if (earliest) {
      board_.changed.wait_until(lock, *earliest);
    } else {
      board_.changed.wait(lock);
    }
  }
  return false;
}

std::optional<EncodeJob> Scheduler::take_stopped() {
  std::optional<EncodeJob> stopped = take_stopped_of(board_.to_encode);
  return stopped ? std::move(stopped) : take_stopped_of(board_.to_admit);
}

/// The waiting request that is to have a place now, if there is one. The board is locked.
std::optional<GenerateJob> Scheduler::take_next() {
  const std::optional<std::size_t> next = next_to_admit(board_);
  if (!next || slots_.count() == 0) {
    return std::nullopt;
  }
  const auto at = board_.to_admit.begin() + static_cast<std::ptrdiff_t>(*next);
  const std::size_t need = at->prepared.n_reserved();
  wanted_ = tokens_together(need);
  if (!leaves_capacity_for_urgent(at->prepared)) {
    return std::nullopt;
  }
  if (!active_.empty() && (wants_growth_ || !fits(need, 0))) {
    // It is next, so others wait for the running ones to end as well. If the cache is made for
    // smaller requests, all of them end first: it can only grow while nothing runs.
    wants_growth_ = wants_growth_ || is_small();
    return std::nullopt;
  }
  wants_growth_ = false;
  std::optional<GenerateJob> job(std::move(*at));
  board_.to_admit.erase(at);
  return job;
}

void Scheduler::admit(GenerateJob job) {
  const std::shared_ptr<Ticket> ticket = job.ticket;
  try {
    start(std::move(job));
  } catch (...) {
    ticket->fail(current_error());
  }
}

/// Whether slots and KV cells are left for those of higher priority whose pictures are not encoded
/// yet: a whole answer is longer to wait for than a picture. The board is locked.
bool Scheduler::leaves_capacity_for_urgent(const PreparedRequest &next) const {
  std::size_t places = 0;
  std::size_t tokens = 0;
  const auto count = [&](int priority, std::size_t reserved) {
    if (priority > next.request.priority) {
      ++places;
      tokens += reserved;
    }
  };
  for (const BeingEncoded &one : board_.encoding) {
    count(one.priority, one.reserved);
  }
  for (const EncodeJob &job : board_.to_encode) {
    if (const auto *generate = std::get_if<GenerateJob>(&job)) {
      count(generate->prepared.request.priority, generate->prepared.n_reserved());
    }
  }
  if (places == 0) {
    return true;
  }
  // While nothing runs the cache can still grow.
  const std::size_t capacity =
      active_.empty() ? std::max(model_.kv_capacity(), largest_) : model_.kv_capacity();
  return places < slots_.count() &&
         (options_.deterministic || reserved_ + next.n_reserved() + tokens <= capacity);
}

/// Tokens of as many requests as may run: of this one, of the largest that wait, and of others like
/// it where too few do. The board is locked.
std::size_t Scheduler::tokens_together(std::size_t need) {
  std::fill(needs_.begin(), needs_.end(), need);
  const auto take = [this](std::size_t other) {
    std::size_t &least = *std::min_element(needs_.begin(), needs_.end());
    least = std::max(least, other);
  };
  for (const GenerateJob &job : board_.to_admit) {
    take(job.prepared.n_reserved());
  }
  for (const BeingEncoded &one : board_.encoding) {
    take(one.reserved);
  }
  for (const EncodeJob &job : board_.to_encode) {
    if (const auto *generate = std::get_if<GenerateJob>(&job)) {
      take(generate->prepared.n_reserved());
    }
  }
  if (options_.deterministic) { // equal shares
    return *std::max_element(needs_.begin(), needs_.end()) * needs_.size();
  }
  return std::accumulate(needs_.begin(), needs_.end(), std::size_t{0});
}

/// Whether a request has KV cells beside those that run and `held` tokens of those that ran.
bool Scheduler::fits(std::size_t need, std::size_t held) const {
  if (options_.deterministic) {
    return need * static_cast<std::size_t>(options_.n_parallel) <= model_.kv_capacity();
  }
  return reserved_ + held + need <= model_.kv_capacity();
}

/// Whether the cache holds fewer requests than may run, and the cache may grow.
bool Scheduler::is_small() const { return model_.kv_capacity() < std::min(largest_, wanted_); }

void Scheduler::start(GenerateJob job) {
  const PreparedRequest &prepared = job.prepared;
  // A question alone has the same answer to the bit whatever was asked before; in the turns of a
  // conversation, not feeding the text again is worth more.
  const bool exact = options_.deterministic || prepared.request.messages.size() == 1;
  const auto chunk = static_cast<std::size_t>(model_.batch_tokens());
  const CacheSlots::Choice choice =
      slots_.choose(prepared, exact ? std::optional(chunk) : std::nullopt);
  make_place(prepared.n_reserved(), choice);
  auto sequence =
      std::make_unique<Sequence>(std::move(job), model_.vocabulary(), choice.slot, choice.reused);
  model_.forget(choice.slot, sequence->next(1).first_position);
  reserved_ += sequence->reserved();
  active_.push_back(std::move(sequence));
  slots_.take(choice.slot);
}

void Scheduler::make_place(std::size_t need, const CacheSlots::Choice &choice) {
  if (choice.reused == 0) {
    drop(choice.slot);
  }
  const bool grows = active_.empty() && is_small();
  while (grows || !fits(need, slots_.tokens(choice.slot))) {
    const std::optional<int> oldest = slots_.oldest(choice.slot);
    if (!oldest) {
      grow(need, choice);
      return;
    }
    drop(*oldest);
  }
}

/// Makes the cache large enough for as many requests as may run, within the limit, or for as many
/// as memory suffices for. Only while nothing runs.
void Scheduler::grow(std::size_t need, const CacheSlots::Choice &choice) {
  pass(FaultPoint::grow_cache);
  const std::size_t least =
      options_.deterministic ? need * static_cast<std::size_t>(options_.n_parallel) : need;
  const std::size_t wish =
      std::max(least, std::min(options_.kv_tokens, std::max(wanted_, 2 * model_.kv_capacity())));
  try {
    model_.grow_cache(wish, least, choice.reused > 0 ? std::optional(choice.slot) : std::nullopt);
  } catch (...) {
    drop(choice.slot);
    throw;
  }
  // Where memory did not suffice, it is asked for again by a request that does not fit otherwise,
  // and not by each.
  largest_ = model_.kv_capacity() < wish ? model_.kv_capacity() : options_.kv_tokens;
}

/// Gives up what an idle place holds.
void Scheduler::drop(int slot) {
  model_.forget(slot, 0);
  slots_.clear(slot);
}

void Scheduler::step() {
  drop_stopped();
  feed();
}

void Scheduler::drop_stopped() {
  std::vector<Sequence *> stopped;
  for (const SequencePtr &sequence : active_) {
    if (sequence->ticket().is_over()) {
      stopped.push_back(sequence.get());
    }
  }
  for (Sequence *sequence : stopped) {
    end(*sequence, reason_of(sequence->ticket()));
  }
}

/// A token of each sequence that decodes, and as much of the others' prompts as goes with it, in
/// one pass over the weights.
void Scheduler::feed() {
  std::vector<Sequence *> sequences;
  std::vector<Feed> feeds;
  const auto add = [&](Sequence &sequence, int most) {
    sequences.push_back(&sequence);
    feeds.push_back(sequence.next(most));
    return feeds.back().count;
  };
  int space = model_.batch_tokens();
  const std::vector<int> drafted = drafts();
  for (std::size_t i = 0; i < active_.size(); ++i) {
    if (active_[i]->is_decoding()) {
      space -= add(*active_[i], 1 + drafted[i]);
    }
  }
  int prompt = std::min(space, prompt_chunk());
  for (const SequencePtr &sequence : active_) {
    if (sequence->is_decoding()) {
      continue;
    }
    if (options_.deterministic) { // it is fed alone
      add(*sequence, model_.batch_tokens());
    } else if (prompt > 0) {
      prompt -= add(*sequence, prompt);
    }
  }
  if (options_.deterministic) {
    for (std::size_t i = 0; i < feeds.size(); ++i) {
      feed_batch({sequences[i]}, {feeds[i]});
    }
  } else if (!feeds.empty()) {
    feed_batch(sequences, feeds);
  }
}

/// Feeds them together or, if that fails, one by one and without drafted tokens: one of them is to
/// blame, and the others must not suffer for it, nor an answer for its draft.
void Scheduler::feed_batch(const std::vector<Sequence *> &sequences,
                           const std::vector<Feed> &feeds) {
  const std::exception_ptr error = try_batch(sequences, feeds);
  if (error == nullptr || board_.closing) {
    return;
  }
  if (model_.kv_capacity() == 0) {
    lose_cache(error);
    return;
  }
  if (feeds.size() == 1 && (!sequences.front()->is_decoding() || feeds.front().count == 1)) {
    blame(*sequences.front(), error);
    return;
  }
  for (std::size_t i = 0; i < feeds.size(); ++i) {
    feed_alone(*sequences[i], feeds[i]);
  }
}

/// What a failed batch was to feed to one sequence, and what the cache lost of its picture with it.
void Scheduler::feed_alone(Sequence &sequence, const Feed &failed) {
  const std::size_t end = sequence.rewind() + static_cast<std::size_t>(failed.count);
  std::exception_ptr error;
  if (sequence.is_decoding()) {
    error = try_batch({&sequence}, {sequence.next(1)});
  } else if (failed.image == nullptr) {
    error = try_batch({&sequence}, {failed});
  } else {
    model_.forget(sequence.slot(), failed.first_position);
    while (error == nullptr && sequence.n_fed() < end) {
      const std::size_t left = end - sequence.n_fed();
      const auto most = std::min(left, static_cast<std::size_t>(model_.batch_tokens()));
      error = try_batch({&sequence}, {sequence.next(static_cast<int>(most))});
    }
  }
  if (error != nullptr && !board_.closing) {
    blame(sequence, error);
  }
}

/// After an error that left no cache: no sequence can go on.
void Scheduler::lose_cache(const std::exception_ptr &error) {
  fail_everything(error);
  while (const std::optional<int> oldest = slots_.oldest(/*except=*/-1)) {
    drop(*oldest);
  }
}

/// Ends a sequence with an error, unless it is over: the next step sees to that.
void Scheduler::blame(Sequence &sequence, const std::exception_ptr &error) {
  if (!sequence.ticket().is_over()) {
    fail(sequence, error);
  }
}

/// What kept the batch from the cache, or null; then each sequence has its token.
std::exception_ptr Scheduler::try_batch(const std::vector<Sequence *> &sequences,
                                        const std::vector<Feed> &feeds) {
  try {
    compute(sequences, feeds);
  } catch (...) {
    return current_error();
  }
  for (std::size_t i = 0; i < feeds.size(); ++i) {
    try {
      take(*sequences[i], feeds[i], i);
    } catch (...) {
      fail(*sequences[i], current_error());
    }
  }
  return nullptr;
}

/// Chooses what comes behind the tokens that were fed, one after the other as if each had been fed
/// alone, up to the first drafted one that is another than was chosen. The cache loses the rest.
void Scheduler::take(Sequence &sequence, const Feed &feed, std::size_t place) {
  const int n_drafted = sequence.is_decoding() ? feed.count - 1 : 0;
  sequence.fed(feed.count - n_drafted);
  if (feed.n_logits == 0) {
    return;
  }
  int accepted = 0;
  bool goes_on = sequence.take(model_.logits(place, 0));
  while (goes_on && accepted < n_drafted &&
         sequence.newest() == feed.tokens[static_cast<std::size_t>(accepted) + 1]) {
    ++accepted;
    sequence.fed(1);
    goes_on = sequence.take(model_.logits(place, accepted));
  }
  if (accepted < n_drafted) {
    model_.forget(sequence.slot(), feed.first_position + 1 + accepted);
  }
  sequence.count_drafted(n_drafted, accepted);
  if (!goes_on) {
    end(sequence, std::nullopt);
  }
}

/// How many drafted tokens each of the active sequences adds to a step. None beside a prompt: its
/// rows make a step so large that each token more costs as much as alone.
std::vector<int> Scheduler::drafts() const {
  if (!std::all_of(active_.begin(), active_.end(),
                   [](const SequencePtr &sequence) { return sequence->is_decoding(); })) {
    return std::vector<int>(active_.size(), 0);
  }
  std::vector<std::vector<double>> chances;
  chances.reserve(active_.size());
  for (const SequencePtr &sequence : active_) {
    chances.push_back(sequence->draft_chances(StepCosts::most_tokens - 1));
    static_assert(StepCosts::most_tokens <= TextPlacement::batch_outputs);
  }
  return draft_shares(chances, step_costs_);
}

/// Tokens or rows of prompts for one step: few while others decode.
int Scheduler::prompt_chunk() const {
  const bool others_wait = std::any_of(
      active_.begin(), active_.end(), [](const auto &sequence) { return sequence->is_decoding(); });
  return options_.deterministic || !others_wait ? model_.batch_tokens()
                                                : chunk_size_.rows(model_.batch_tokens());
}

/// What the encoder has of the cores before the next step. A step takes hardly longer for many than
/// for few, so while there is a place for a picture, encoding it sooner is worth more; those who
/// watch their text come must not see it stop, though. Not where each is fed alone, and not where
/// requests wait for more than a place.
CoreSharing::Share Scheduler::encoder_share() const {
  const std::scoped_lock lock(board_.mutex);
  if (options_.deterministic || !board_.to_admit.empty() ||
      active_.size() >= static_cast<std::size_t>(options_.n_parallel)) {
    return CoreSharing::Share::equal;
  }
  const bool streams = std::any_of(active_.begin(), active_.end(), [](const SequencePtr &sequence) {
    return sequence->ticket().is_streamed();
  });
  return streams ? CoreSharing::Share::encoder_first : CoreSharing::Share::whole_picture;
}

/// Whether some request is to be answered now: it was cancelled, or is late.
bool Scheduler::is_urgent() const {
  const auto is_over = [](const auto &job) { return request_of(job).is_over(); };
  const std::scoped_lock lock(board_.mutex);
  return board_.closing ||
         std::any_of(active_.begin(), active_.end(),
                     [](const SequencePtr &sequence) { return sequence->ticket().is_over(); }) ||
         std::any_of(board_.to_encode.begin(), board_.to_encode.end(), is_over) ||
         std::any_of(board_.to_admit.begin(), board_.to_admit.end(), is_over);
}

void Scheduler::compute(const std::vector<Sequence *> &sequences, const std::vector<Feed> &feeds) {
  const CoreSharing::Decoding cores(sharing_, encoder_share(), [this] { return is_urgent(); });
  pass(FaultPoint::decode);
  const Stopwatch stopwatch; // since the cores are ours: waiting for the encoder is no work
  int prompt_rows = 0;
  int answer_tokens = 0;
  for (std::size_t i = 0; i < feeds.size(); ++i) {
    (sequences[i]->is_decoding() ? answer_tokens : prompt_rows) += feeds[i].count;
  }
  model_.feed(feeds, [&] {
    return board_.closing || std::all_of(sequences.begin(), sequences.end(),
                                         [](auto *one) { return one->ticket().is_over(); });
  });
  const double seconds = stopwatch.seconds();
  const bool has_drafts = answer_tokens > static_cast<int>(feeds.size());
  if (!has_drafts) { // those would pass for what a step takes without a prompt
    chunk_size_.note(prompt_rows, seconds);
  }
  if (prompt_rows == 0) {
    step_costs_.note(answer_tokens, seconds);
  }
}

void Scheduler::end(Sequence &sequence, std::optional<FinishReason> reason) {
  std::optional<Result> result;
  CacheContent content;
  try {
    content = sequence.content();
    result = sequence.finish(reason);
  } catch (...) {
    fail(sequence, current_error());
    return;
  }
  const auto ticket = sequence.shared_ticket();
  remove(sequence, std::move(content));
  ticket->fulfil(std::move(*result));
}

void Scheduler::fail(Sequence &sequence, const std::exception_ptr &error) {
  const auto ticket = sequence.shared_ticket();
  remove(sequence, {});
  ticket->fail(error);
}

/// Frees the sequence's place, which goes on to hold the content.
void Scheduler::remove(const Sequence &sequence, CacheContent content) {
  if (content.size() == 0) {
    model_.forget(sequence.slot(), 0);
  }
  slots_.put(sequence.slot(), std::move(content));
  reserved_ -= sequence.reserved();
  const auto found = std::find_if(active_.begin(), active_.end(),
                                  [&](const auto &one) { return one.get() == &sequence; });
  active_.erase(found);
}

void Scheduler::fail_everything(const std::exception_ptr &error) {
  while (!active_.empty()) {
    fail(*active_.front(), error);
  }
}

} // namespace ppocrvl
