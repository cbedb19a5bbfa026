// SPDX-License-Identifier: Apache-2.0
#include "schedule/core_sharing.h"

#include <algorithm>

namespace ppocrvl {

void CoreSharing::pause() {
  if (decoder_waits_.load(std::memory_order_relaxed) && is_decoder_next()) {
    end_encoding();
    begin_encoding();
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
  std::unique_lock<std::mutex> lock(mutex_);
  share_ = share;
  is_urgent_ = std::move(is_urgent);
  decoder_waits_.store(true, std::memory_order_relaxed);
  changed_.wait(lock, [this] { return !encoding_ && !(encoder_waits_ && encoder_is_next_); });
  decoder_waits_.store(false, std::memory_order_relaxed);
  decoding_ = true;
  decoding_since_ = Clock::now();
}

void CoreSharing::end_decoding() {
  {
    const std::scoped_lock lock(mutex_);
    decoding_ = false;
    encoder_is_next_ = true;
    last_step_ = Clock::now() - decoding_since_;
  }
  changed_.notify_all();
}

void CoreSharing::begin_encoding() {
  std::unique_lock<std::mutex> lock(mutex_);
  encoder_waits_ = true;
  changed_.wait(lock, [this] {
    return !decoding_ && (encoder_is_next_ || !decoder_waits_.load(std::memory_order_relaxed));
  });
  encoder_waits_ = false;
  encoding_ = true;
  encoding_since_ = Clock::now();
}

void CoreSharing::end_encoding() {
  {
    const std::scoped_lock lock(mutex_);
    encoding_ = false;
    encoder_is_next_ = false;
  }
  changed_.notify_all();
}

} // namespace ppocrvl
