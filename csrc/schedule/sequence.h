// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/language_model.h"
#include "schedule/cache_slots.h"
#include "schedule/job.h"
#include "support/live_count.h"
#include "support/stopwatch.h"
#include "text/draft.h"
#include "text/loop_detector.h"
#include "text/sampler.h"
#include "text/utf8_assembler.h"
#include "text/vocabulary.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace ppocrvl {

/// One generation in the cache: what is to be fed next, where it stands, and what came out. Used by
/// the scheduler's thread.
class Sequence {
public:
  /// The first `reused` tokens of the prompt are in the slot already.
  Sequence(GenerateJob job, const Vocabulary &vocabulary, int slot, std::size_t reused);

  [[nodiscard]] int slot() const { return slot_; }
  [[nodiscard]] Ticket &ticket() const { return *job_.ticket; }
  [[nodiscard]] std::shared_ptr<Ticket> shared_ticket() const { return job_.ticket; }
  [[nodiscard]] std::size_t reserved() const { return job_.prepared.n_reserved(); }
  [[nodiscard]] bool is_decoding() const { return is_decoding_; }

  /// What comes next, at most `most` tokens or rows of it: of an answer its last token, and behind
  /// that as many drafted ones. `fed` says that it is in the cache, of an answer one token at a
  /// time.
  [[nodiscard]] Feed next(int most) const;
  void fed(int count);

  /// How likely drafted tokens are to be right, at most `most` of them; see Draft.
  [[nodiscard]] std::vector<double> draft_chances(int most) const;

  /// The token that was chosen last.
  [[nodiscard]] std::int32_t newest() const { return result_.token_ids.back(); }

  /// So many tokens of the draft were computed, and so many of them were right.
  void count_drafted(int drafted, int accepted);

  /// Goes back to the beginning of the picture if it is in the middle of it, which the cache loses
  /// with every batch that fails. Returns how much of the prompt was fed until then.
  std::size_t rewind();
  [[nodiscard]] std::size_t n_fed() const { return n_fed_; }

  /// Takes the next token from the logits that `next` wanted; false when it was the last.
  bool take(const float *logits);

  /// What a later request may find in the slot. Nothing where the prompt was not fed to its end, or
  /// nobody could tell the picture.
  [[nodiscard]] CacheContent content() const;

  /// Ends the text and hands the result over; the sequence is empty afterwards. A sequence that
  /// was stopped from outside says why.
  Result finish(std::optional<FinishReason> reason = std::nullopt);

private:
  [[nodiscard]] bool wants_image() const;
  [[nodiscard]] Feed next_tokens(int most) const;
  [[nodiscard]] Feed next_rows(int most) const;
  bool append(const Choice &choice);
  bool reaches_stop_text();
  void trim_loop(int tokens);
  void stream_text();
  [[nodiscard]] TokenFilter open_character_filter() const;

  GenerateJob job_;
  const Vocabulary &vocabulary_;
  int slot_;
  Sampler sampler_;
  Utf8Assembler assembler_;
  LoopDetector loops_;
  std::optional<Draft> draft_;
  std::size_t n_fed_ = 0; // of the prompt, the picture's rows included
  bool is_decoding_ = false;
  std::int32_t position_ = 0; // of the next token of the answer
  std::vector<std::int32_t> fed_answer_;
  std::size_t streamed_ = 0; // bytes of the text that the ticket has
  std::size_t longest_stop_ = 0;
  Stopwatch stopwatch_;
  Result result_;
  LiveCount<Sequence> live_;
};

} // namespace ppocrvl
