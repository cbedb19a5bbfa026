// SPDX-License-Identifier: Apache-2.0
#include "core/core_turns.h"

#include <algorithm>

namespace ppocrvl {

void CoreTurns::pause() {
  if (!decoder_waits_.load(std::memory_order_relaxed) ||
      Clock::now() - encoding_since_ < encoder_time_) {
    return;
  }
  end_encoding();
  begin_encoding();
}

void CoreTurns::begin_decoding() {
  std::unique_lock<std::mutex> lock(mutex_);
  decoder_waits_.store(true, std::memory_order_relaxed);
  changed_.wait(lock, [this] { return !encoding_ && !(encoder_waits_ && encoder_is_next_); });
  decoder_waits_.store(false, std::memory_order_relaxed);
  decoding_ = true;
  decoding_since_ = Clock::now();
}

void CoreTurns::end_decoding(bool encoder_first) {
  {
    const std::scoped_lock lock(mutex_);
    decoding_ = false;
    encoder_is_next_ = true;
    const Clock::duration longest = most_encoding;
    encoder_time_ = encoder_first ? longest : std::min(Clock::now() - decoding_since_, longest);
  }
  changed_.notify_all();
}

void CoreTurns::begin_encoding() {
  std::unique_lock<std::mutex> lock(mutex_);
  encoder_waits_ = true;
  changed_.wait(lock, [this] {
    return !decoding_ && (encoder_is_next_ || !decoder_waits_.load(std::memory_order_relaxed));
  });
  encoder_waits_ = false;
  encoding_ = true;
  encoding_since_ = Clock::now();
}

void CoreTurns::end_encoding() {
  {
    const std::scoped_lock lock(mutex_);
    encoding_ = false;
    encoder_is_next_ = false;
  }
  changed_.notify_all();
}

} // namespace ppocrvl
