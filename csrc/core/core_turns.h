// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace ppocrvl {

/// Lets encoding and decoding take turns on the same cores: each spins at the barriers of its
/// threads, so running both at once on all cores costs more than it gains. A decoding step waits
/// until the encoder comes by a place where it can pause; after the step the encoder has the cores
/// for as long as the step took, or for `most_encoding` if that is asked for.
class CoreTurns {
public:
  using Clock = std::chrono::steady_clock;

  static constexpr std::chrono::milliseconds most_encoding{80};

  /// While it lives, the encoder pauses; then it has as much time, or, with `encoder_first`, all
  /// that it may have. For the decoding thread.
  class Decoding {
  public:
    explicit Decoding(CoreTurns &turns, bool encoder_first = false)
        : turns_(turns), encoder_first_(encoder_first) {
      turns_.begin_decoding();
    }
    ~Decoding() { turns_.end_decoding(encoder_first_); }
    Decoding(const Decoding &) = delete;
    Decoding &operator=(const Decoding &) = delete;

  private:
    CoreTurns &turns_;
    bool encoder_first_;
  };

  /// While it lives, decoding waits for `pause`. For the encoding thread.
  class Encoding {
  public:
    explicit Encoding(CoreTurns &turns) : turns_(turns) { turns_.begin_encoding(); }
    ~Encoding() { turns_.end_encoding(); }
    Encoding(const Encoding &) = delete;
    Encoding &operator=(const Encoding &) = delete;

  private:
    CoreTurns &turns_;
  };

  /// Lets a decoding step go ahead if one waits and the encoder has had its time. Called by the
  /// encoder wherever it computes nothing.
  void pause();

private:
  void begin_decoding();
  void end_decoding(bool encoder_first);
  void begin_encoding();
  void end_encoding();

  std::mutex mutex_;
  std::condition_variable changed_;
  bool encoding_ = false; // has the cores
  bool decoding_ = false;
  bool encoder_waits_ = false;
  std::atomic<bool> decoder_waits_{false};
  bool encoder_is_next_ = false; // if both wait: who had the cores last lets the other go first
  Clock::time_point encoding_since_;
  Clock::time_point decoding_since_;
  Clock::duration encoder_time_{}; // that it may take before the next step
};

} // namespace ppocrvl
