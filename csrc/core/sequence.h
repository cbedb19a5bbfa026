// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/encoder.h"
#include "core/language_model.h"
#include "core/request.h"
#include "core/ticket.h"
#include "core/utf8_assembler.h"
#include "core/vocabulary.h"

#include <cstdint>

namespace ppocrvl {

/// A request that passed all checks.
struct PreparedRequest {
  Request request;
  PromptIds prompt;
  ImageGrid grid;     // 0x0 without an image
  int max_tokens = 0; // the request's, within what the model's context leaves
};

/// One generation on its way: what is fed, where it stands and what came out. Used by the worker.
class Sequence {
public:
  /// Borrows everything; the ticket gets the pieces of text as they come.
  Sequence(const PreparedRequest &prepared, Encoder &encoder, LanguageModel &language_model,
           Ticket &ticket);

  /// Encodes the picture and feeds the prompt. Throws ErrorKind::cancelled or engine, as `step`
  /// does.
  void prefill();

  /// Takes one token; false when it was the last.
  bool step();

  /// Ends the text and hands the result over; the sequence is empty afterwards.
  Result finish();

  /// Notes that the caller gave up; `finish` comes next.
  void mark_cancelled() { result_.finish_reason = FinishReason::cancelled; }

private:
  void emit(std::string piece);

  const PreparedRequest &prepared_;
  Encoder &encoder_;
  LanguageModel &language_model_;
  Ticket &ticket_;
  Utf8Assembler assembler_;
  std::int32_t next_position_ = 0;
  Result result_;
};

} // namespace ppocrvl
