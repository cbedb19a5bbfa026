// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/language_model.h"
#include "schedule/board.h"
#include "schedule/cache_slots.h"
#include "schedule/chunk_size.h"
#include "schedule/core_sharing.h"
#include "schedule/sequence.h"
#include "schedule/step_costs.h"

#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace ppocrvl {

struct SchedulerOptions {
  int n_parallel = 1;
  std::size_t kv_tokens = 0;  // of all sequences together; one request alone may take more
  bool deterministic = false; // one sequence at a time in fixed steps
};

/// What the decoding thread does: gives requests a place in the cache, feeds their prompts in
/// chunks and lets all of them decode together. Each step takes one token of every sequence that
/// decodes, and drafted ones behind it where no prompt waits, so a request that ends makes way for
/// the next one at the following step. What it
/// leaves in the cache stays there until its slot or its KV cells are needed: a request whose
/// prompt begins in the same way, as the next turn about a picture does, goes on from there.
class Scheduler {
public:
  Scheduler(Board &board, LanguageModel &model, CoreSharing &sharing,
            const SchedulerOptions &options);

  /// Until the board closes; what has not ended by then fails.
  void run();

private:
  using SequencePtr = std::unique_ptr<Sequence>;

  bool go_on();
  void give_up(const std::exception_ptr &error);
  bool collect();
  std::optional<EncodeJob> take_stopped();
  std::optional<GenerateJob> take_next();
  void admit(GenerateJob job);
  [[nodiscard]] bool leaves_capacity_for_urgent(const PreparedRequest &next) const;
  [[nodiscard]] bool fits(std::size_t need, std::size_t held) const;
  [[nodiscard]] bool is_small() const;
  [[nodiscard]] std::size_t tokens_together(std::size_t need);
  void make_place(std::size_t need, const CacheSlots::Choice &choice);
  void grow(std::size_t need, const CacheSlots::Choice &choice);
  void start(GenerateJob job);
  void step();
  void drop_stopped();
  void feed();
  void feed_batch(const std::vector<Sequence *> &sequences, const std::vector<Feed> &feeds);
  void feed_alone(Sequence &sequence, const Feed &failed);
  std::exception_ptr try_batch(const std::vector<Sequence *> &sequences,
                               const std::vector<Feed> &feeds);
  void compute(const std::vector<Sequence *> &sequences, const std::vector<Feed> &feeds);
  void take(Sequence &sequence, const Feed &feed, std::size_t place);
  [[nodiscard]] std::vector<int> drafts() const;
  [[nodiscard]] int prompt_chunk() const;
  [[nodiscard]] CoreSharing::Share encoder_share() const;
  [[nodiscard]] bool is_urgent() const;
  void end(Sequence &sequence, std::optional<FinishReason> reason);
  void lose_cache(const std::exception_ptr &error);
  void blame(Sequence &sequence, const std::exception_ptr &error);
  void fail(Sequence &sequence, const std::exception_ptr &error);
  void remove(const Sequence &sequence, CacheContent content);
  void drop(int slot);
  void fail_everything(const std::exception_ptr &error);

  Board &board_;
  LanguageModel &model_;
  CoreSharing &sharing_;
  SchedulerOptions options_;
  std::vector<SequencePtr> active_; // in order of admission
  CacheSlots slots_;
  std::size_t reserved_ = 0;       // tokens of the cache, of those that run
  std::size_t wanted_ = 0;         // tokens of the cache, for those that may run together
  std::size_t largest_ = 0;        // that the cache could be made lately, at most `kv_tokens`
  std::vector<std::size_t> needs_; // scratch of `tokens_together`
  bool wants_growth_ = false; // nobody is admitted until all have ended and the cache has grown
  ChunkSize chunk_size_;
  StepCosts step_costs_;
};

} // namespace ppocrvl
