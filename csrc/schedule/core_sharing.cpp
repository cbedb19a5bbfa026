// SPDX-License-Identifier: Apache-2.0
#include "schedule/core_sharing.h"

#include <algorithm>

namespace ppocrvl {

void CoreSharing::pause() {
  if (decoder_waits_.load(std::memory_order_relaxed) && is_decoder_next()) {
    end_encoding();
    begin_encoding();
  } else if (turns_ != nullptr && turns_->is_page_next()) {
    turns_->end_engine();
    turns_->begin_engine();
  }
}

bool CoreSharing::is_decoder_next() {
  const std::scoped_lock lock(mutex_); // what the waiting step said
  const Clock::time_point now = Clock::now();
  if (is_urgent_()) {
    return true;
  }
  if (share_ == Share::whole_picture && now - begun_ < most_at_first) {
    return false;
  }
  const Clock::duration most =
      share_ == Share::equal ? std::min<Clock::duration>(last_step_, most_encoding) : most_encoding;
  return now - encoding_since_ >= most;
}

void CoreSharing::begin_decoding(Share share, std::function<bool()> is_urgent) {
  if (are_shared_) {
    take_from_encoder(share, std::move(is_urgent));
  }
  if (turns_ != nullptr) {
    turns_->begin_engine();
  }
  decoding_since_ = Clock::now();
}

void CoreSharing::take_from_encoder(Share share, std::function<bool()> is_urgent) {
  std::unique_lock<std::mutex> lock(mutex_);
  share_ = share;
  is_urgent_ = std::move(is_urgent);
  decoder_waits_.store(true, std::memory_order_relaxed);
  changed_.wait(lock, [this] { return !encoding_ && !(encoder_waits_ && encoder_is_next_); });
  decoder_waits_.store(false, std::memory_order_relaxed);
  decoding_ = true;
}

void CoreSharing::end_decoding() {
  if (turns_ != nullptr) {
    turns_->end_engine();
  }
  {
    const std::scoped_lock lock(mutex_);
    decoding_ = false;
    encoder_is_next_ = true;
    last_step_ = Clock::now() - decoding_since_;
  }
  changed_.notify_all();
}

void CoreSharing::begin_encoding() {
  if (are_shared_) {
    take_from_decoder();
  }
  if (turns_ != nullptr) {
    turns_->begin_engine();
  }
  encoding_since_ = Clock::now();
}

void CoreSharing::take_from_decoder() {
  std::unique_lock<std::mutex> lock(mutex_);
  encoder_waits_ = true;
  changed_.wait(lock, [this] {
    return !decoding_ && (encoder_is_next_ || !decoder_waits_.load(std::memory_order_relaxed));
  });
  encoder_waits_ = false;
  encoding_ = true;
}

void CoreSharing::end_encoding() {
  if (turns_ != nullptr) {
    turns_->end_engine();
  }
  {
    const std::scoped_lock lock(mutex_);
    encoding_ = false;
    encoder_is_next_ = false;
  }
  changed_.notify_all();
}

} // namespace ppocrvl
