// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "schedule/layout_turns.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>

namespace ppocrvl {

/// Lets encoding and decoding share the same cores, one at a time: each spins at the barriers of
/// its threads, so running both at once on all cores costs more than it gains. A decoding step
/// waits until the encoder has had its share and comes by a place where it can pause. Both take
/// turns with the layout of pages.
class CoreSharing {
public:
  using Clock = std::chrono::steady_clock;

  static constexpr std::chrono::milliseconds most_encoding{80};
  static constexpr std::chrono::milliseconds most_at_first{2000};

  /// What the encoder has of the cores before the next step.
  enum class Share {
    equal,         // as long as the last step took, at most `most_encoding`
    encoder_first, // `most_encoding`
    whole_picture, // `most_at_first` once it has begun, which is all of most, then `most_encoding`
  };

  /// `are_shared`: false if each has cores of its own. `turns`: null if neither is in the way of a
  /// page's layout.
  explicit CoreSharing(bool are_shared = true, LayoutTurns *turns = nullptr)
      : are_shared_(are_shared), turns_(turns) {}

  /// While it lives, the encoder pauses. For the decoding thread.
  class Decoding {
  public:
    /// Waits until decoding has the cores. As soon as `is_urgent`, which the encoder's thread asks
    /// meanwhile, is true, the encoder pauses wherever it can.
    explicit Decoding(
        CoreSharing &sharing, Share share = Share::equal,
        std::function<bool()> is_urgent = [] { return false; })
        : sharing_(sharing) {
      sharing_.begin_decoding(share, std::move(is_urgent));
    }
    ~Decoding() { sharing_.end_decoding(); }
    Decoding(const Decoding &) = delete;
    Decoding &operator=(const Decoding &) = delete;

  private:
    CoreSharing &sharing_;
  };

  /// While it lives, decoding waits for `pause`. For the encoding thread.
  class Encoding {
  public:
    explicit Encoding(CoreSharing &sharing) : sharing_(sharing) {
      sharing_.begin_encoding();
      sharing_.begun_ = Clock::now();
    }
    ~Encoding() { sharing_.end_encoding(); }
    Encoding(const Encoding &) = delete;
    Encoding &operator=(const Encoding &) = delete;

  private:
    CoreSharing &sharing_;
  };

  /// Lets a decoding step or a page's layout go ahead if it waits and the encoder has had its
  /// share. Called by the encoder wherever it computes nothing.
  void pause();

private:
  void begin_decoding(Share share, std::function<bool()> is_urgent);
  void end_decoding();
  void begin_encoding();
  void end_encoding();
  void take_from_encoder(Share share, std::function<bool()> is_urgent);
  void take_from_decoder();
  [[nodiscard]] bool is_decoder_next();

  bool are_shared_;
  LayoutTurns *turns_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool encoding_ = false; // has the cores
  bool decoding_ = false;
  bool encoder_waits_ = false;
  std::atomic<bool> decoder_waits_{false};
  bool encoder_is_next_ = false; // if both wait: who had the cores last lets the other go first
  Clock::time_point encoding_since_;
  Clock::time_point decoding_since_;
  Clock::duration last_step_{};
  Clock::time_point begun_; // this encoding; the encoding thread's own
  // Of the step that waits:
  Share share_ = Share::equal;
  std::function<bool()> is_urgent_;
};

} // namespace ppocrvl
