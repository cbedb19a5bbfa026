// SPDX-License-Identifier: Apache-2.0
#include "schedule/sequence.h"

#include "model/mrope.h"
#include "support/error.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace ppocrvl {
namespace {

/// The end of the last whole character at or before `end`.
std::size_t character_end(std::string_view text, std::size_t end) {
  while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
    --end;
  }
  return end;
}

std::string hex(std::string_view bytes) {
  constexpr const char *digits = "0123456789ABCDEF";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += text.empty() ? "" : " ";
    text += digits[byte / 16];
    text += digits[byte % 16];
  }
  return text;
}

Error broken_text(std::string_view bytes, std::size_t n_tokens) {
  return {ErrorKind::text, "the answer is no valid UTF-8: byte " + hex(bytes) + " at token " +
                               std::to_string(n_tokens) +
                               R"(; utf8="replace" or "constrain" would go on)"};
}

} // namespace

Sequence::Sequence(GenerateJob job, const Vocabulary &vocabulary, int slot, std::size_t reused)
    : job_(std::move(job)), vocabulary_(vocabulary), slot_(slot),
      sampler_(job_.prepared.request.sampling, job_.prepared.grammar, vocabulary),
      loops_(job_.prepared.request.image ? job_.prepared.request.image->width : 0,
             job_.prepared.request.image ? job_.prepared.request.image->height : 0),
      n_fed_(reused) {
  const PreparedRequest &prepared = job_.prepared;
  result_.image_grid = prepared.grid;
  result_.trace = std::move(job_.trace);
  Timings &timings = result_.timings;
  timings.encode = job_.encode_seconds;
  timings.queue = std::max(0.0, job_.since_arrival.seconds() - job_.encode_seconds);
  timings.image_tokens = prepared.grid.tokens();
  timings.prompt_tokens = static_cast<int>(prepared.n_prompt());
  timings.reused_tokens = static_cast<int>(reused);
  timings.cached_image = job_.cached_image;
  for (const std::string &stop : prepared.request.stop) {
    longest_stop_ = std::max(longest_stop_, stop.size());
  }
  if (prepared.draft != nullptr) {
    draft_.emplace(prepared.draft);
  }
}

/// Whether rows of the picture come next, and not tokens.
bool Sequence::wants_image() const {
  const std::size_t before = job_.prepared.prompt.before_image.size();
  const auto rows = static_cast<std::size_t>(job_.prepared.grid.tokens());
  return n_fed_ >= before && n_fed_ < before + rows;
}

Feed Sequence::next(int most) const { return wants_image() ? next_rows(most) : next_tokens(most); }

Feed Sequence::next_tokens(int most) const {
  Feed feed;
  feed.slot = slot_;
  if (is_decoding_) {
    feed.tokens = {newest()};
    if (draft_ && most > 1) {
      const auto drafted = draft_->tokens(static_cast<std::size_t>(most - 1));
      feed.tokens.insert(feed.tokens.end(), drafted.begin(), drafted.end());
    }
    feed.count = static_cast<int>(feed.tokens.size());
    feed.first_position = position_;
    feed.n_logits = feed.count;
    return feed;
  }
  const PreparedRequest &prepared = job_.prepared;
  const auto &[before, after] = prepared.prompt;
  const auto rows = static_cast<std::size_t>(prepared.grid.tokens());
  const bool is_before = n_fed_ < before.size();
  const auto &part = is_before ? before : after;
  const std::size_t first = is_before ? n_fed_ : n_fed_ - before.size() - rows;
  const std::size_t count = std::min(part.size() - first, static_cast<std::size_t>(most));
  const auto begin = part.begin() + static_cast<std::ptrdiff_t>(first);
  feed.tokens.assign(begin, begin + static_cast<std::ptrdiff_t>(count));
  feed.count = static_cast<int>(count);
  const auto start = static_cast<std::int32_t>(before.size());
  feed.first_position = static_cast<std::int32_t>(first) +
                        (is_before ? 0 : position_after_image(prepared.grid, start));
  feed.n_logits = n_fed_ + count == prepared.n_prompt() ? 1 : 0;
  return feed;
}

Feed Sequence::next_rows(int most) const {
  const auto before = job_.prepared.prompt.before_image.size();
  Feed feed;
  feed.slot = slot_;
  feed.image = job_.image.get();
  feed.begin = static_cast<int>(n_fed_ - before);
  feed.count = std::min(most, job_.prepared.grid.tokens() - feed.begin);
  feed.first_position = static_cast<std::int32_t>(before);
  return feed;
}

std::size_t Sequence::rewind() {
  const std::size_t reached = n_fed_;
  if (wants_image()) {
    n_fed_ = job_.prepared.prompt.before_image.size();
  }
  return reached;
}

void Sequence::fed(int count) {
  if (is_decoding_) {
    ++position_;
    fed_answer_.push_back(newest());
  } else {
    n_fed_ += static_cast<std::size_t>(count);
  }
}

std::vector<double> Sequence::draft_chances(int most) const {
  if (!draft_ || !is_decoding_) {
    return {};
  }
  const int left = job_.prepared.max_tokens - result_.timings.generated_tokens - 1;
  return draft_->chances(static_cast<std::size_t>(std::max(0, std::min(most, left))));
}

void Sequence::count_drafted(int drafted, int accepted) {
  result_.timings.drafted_tokens += drafted;
  result_.timings.accepted_tokens += accepted;
}

bool Sequence::take(const float *logits) {
  if (!is_decoding_) {
    is_decoding_ = true;
    const auto &[before, after] = job_.prepared.prompt;
    position_ = position_after_image(job_.prepared.grid, static_cast<std::int32_t>(before.size())) +
                static_cast<std::int32_t>(after.size());
    result_.timings.prefill = stopwatch_.seconds();
    stopwatch_ = {};
    if (result_.trace) {
      const std::size_t count = vocabulary_.size();
      result_.trace->logits = {{count}, std::vector<float>(logits, logits + count)};
    }
  }
  const bool constrained =
      job_.prepared.request.utf8 == Utf8Policy::constrain && assembler_.is_open();
  const Choice choice = sampler_.choose(logits, constrained ? open_character_filter() : nullptr);
  const bool goes_on = append(choice);
  stream_text();
  return goes_on;
}

TokenFilter Sequence::open_character_filter() const {
  return [this](std::int32_t token) {
    const std::string bytes = vocabulary_.token_bytes(token, true);
    return !bytes.empty() && assembler_.accepts(bytes);
  };
}

bool Sequence::append(const Choice &choice) {
  const Request &request = job_.prepared.request;
  if (vocabulary_.ends_generation(choice.token)) {
    result_.finish_reason = FinishReason::stop;
    return false;
  }
  result_.token_ids.push_back(choice.token);
  result_.logprobs.push_back(choice.logprob);
  ++result_.timings.generated_tokens;
  if (draft_) {
    draft_->push(choice.token, vocabulary_.token_bytes(choice.token, true));
  }
  std::string bytes = vocabulary_.token_bytes(choice.token, request.keep_location_tokens);
  result_.text += assembler_.push(bytes);
  result_.text_ends.push_back(result_.text.size());
  if (request.utf8 == Utf8Policy::strict && !assembler_.broken().empty()) {
    throw broken_text(assembler_.broken(), result_.token_ids.size());
  }
  if (reaches_stop_text()) {
    result_.finish_reason = FinishReason::stop;
    return false;
  }
  if (request.stop_loops) {
    if (bytes.empty()) { // a location token that is not kept
      bytes = vocabulary_.token_bytes(choice.token, true);
    }
    if (const int repeated = loops_.push(choice.token, std::move(bytes)); repeated > 0) {
      trim_loop(repeated);
      return false;
    }
  }
  if (result_.timings.generated_tokens == job_.prepared.max_tokens) {
    result_.finish_reason = FinishReason::length;
    return false;
  }
  return true;
}

bool Sequence::reaches_stop_text() {
  if (longest_stop_ == 0) {
    return false;
  }
  const auto &ends = result_.text_ends;
  const std::size_t known = ends.size() > 1 ? ends[ends.size() - 2] : 0;
  const std::size_t from = known - std::min(known, longest_stop_ - 1);
  std::size_t cut = std::string::npos;
  for (const std::string &stop : job_.prepared.request.stop) {
    cut = std::min(cut, result_.text.find(stop, from));
  }
  if (cut == std::string::npos) {
    return false;
  }
  result_.text.resize(cut);
  assembler_ = {};
  for (std::size_t &end : result_.text_ends) {
    end = std::min(end, cut);
  }
  return true;
}

/// Leaves the first of the repeated units.
void Sequence::trim_loop(int tokens) {
  const std::size_t kept = result_.token_ids.size() - static_cast<std::size_t>(tokens);
  result_.finish_reason = FinishReason::repetition;
  result_.repeated_tokens = tokens;
  result_.token_ids.resize(kept);
  result_.logprobs.resize(kept);
  result_.text_ends.resize(kept);
  result_.text.resize(kept == 0 ? 0 : result_.text_ends.back());
  assembler_ = {};
}

/// Passes on what cannot be the beginning of a stop text.
void Sequence::stream_text() {
  const std::string &text = result_.text;
  const std::size_t held = longest_stop_ == 0 ? 0 : longest_stop_ - 1;
  const std::size_t end = character_end(text, text.size() - std::min(text.size(), held));
  if (end > streamed_) {
    ticket().push_piece(text.substr(streamed_, end - streamed_));
    streamed_ = end;
  }
}

CacheContent Sequence::content() const {
  const PreparedRequest &prepared = job_.prepared;
  const bool has_image = prepared.grid.tokens() > 0;
  if (!is_decoding_ || (has_image && prepared.request.image_key.empty())) {
    return {};
  }
  CacheContent content{prepared.prompt, prepared.grid, prepared.request.image_key};
  auto &last = has_image ? content.tokens.after_image : content.tokens.before_image;
  content.n_prompt = last.size();
  last.insert(last.end(), fed_answer_.begin(), fed_answer_.end());
  return content;
}

Result Sequence::finish(std::optional<FinishReason> reason) {
  const Utf8Policy policy = job_.prepared.request.utf8;
  if (policy == Utf8Policy::strict && assembler_.is_open() && !reason) {
    assembler_.finish();
    throw broken_text(assembler_.broken(), result_.token_ids.size());
  }
  if (policy == Utf8Policy::replace) {
    result_.text += assembler_.finish();
    if (!result_.text_ends.empty()) {
      result_.text_ends.back() = result_.text.size();
    }
  }
  if (reason) {
    result_.finish_reason = *reason;
  }
  longest_stop_ = 0;
  stream_text();
  if (is_decoding_) {
    result_.timings.decode = stopwatch_.seconds();
  }
  return std::exchange(result_, {});
}

} // namespace ppocrvl
