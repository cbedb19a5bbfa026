// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/placement.h"
#include "files/model_info.h"
#include "model/language_model.h"
#include "schedule/board.h"
#include "schedule/core_sharing.h"
#include "schedule/encode_worker.h"
#include "schedule/request.h"
#include "schedule/scheduler.h"
#include "schedule/ticket.h"
#include "support/process.h"
#include "vision/encoder.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

namespace ppocrvl {

struct EngineOptions {
  std::string llm;
  std::string mmproj;
  int n_threads = 0;           // 0: the usable physical cores, fewer for a small model. At most the
                               // usable CPUs
  std::string device = "auto"; // as PlacementWishes has them
  std::string vision_device;
  std::string text_device;
  bool use_mmap = true;
  VisionPrecision precision = VisionPrecision::automatic;
  std::string kernels = "auto";                    // on a CPU: also "ggml", or one by its name
  int n_parallel = 1;                              // requests that decode together
  int kv_tokens = 0;                               // of the cache; 0: n_parallel long answers
  int encode_threads = 0;                          // 0: encoding and decoding share all threads
  int max_waiting = 256;                           // requests
  std::size_t cache_bytes = std::size_t{64} << 20; // of image tokens
  bool deterministic = false;
};

/// One model and its two threads: one encodes pictures, one decodes. All public functions may be
/// called from any thread.
class Engine {
public:
  static constexpr int most_parallel = 64;

  /// Checks both files, places them, then loads them. Throws what `check_pair` and `place` throw,
  /// ErrorKind::option and ErrorKind::engine.
  explicit Engine(const EngineOptions &options);
  ~Engine();
  Engine(const Engine &) = delete;
  Engine &operator=(const Engine &) = delete;

  /// Queues a request. Throws at once for what can be seen at once: ErrorKind::option, image,
  /// context; ErrorKind::queue_full, and then `request` is as it was.
  std::shared_ptr<Ticket> submit(Request &&request);

  /// Queues the encoding of a picture alone; `image` is as it was after ErrorKind::queue_full.
  std::shared_ptr<Pending<EmbeddingsPtr>> submit_embedding(RgbImage &&image, std::string image_key);

  /// Waits until the queue has space, or the engine is closed. False if the time was too short.
  bool wait_for_queue_space(std::chrono::milliseconds limit);

  /// Ids of the prompt as they are fed; the image stands for rows * cols equal ids.
  std::vector<std::int32_t> prompt_tokens(const std::vector<Message> &messages,
                                          const ImageGrid &grid) const;

  /// Ids of any text, special tokens in it included.
  std::vector<std::int32_t> tokenize(const std::string &text) const;

  const ModelInfo &info() const { return info_; }
  const Placement &placement() const { return placement_; }

  /// What differs from what was asked for, a line each.
  const std::vector<std::string> &notes() const { return notes_; }

  double load_seconds() const { return load_seconds_; }

  /// Stops the threads and frees the model; unfinished requests fail with ErrorKind::cancelled.
  /// Idempotent; nothing in a forked child.
  void close();

  /// Whether this process is a forked child of the one that made the engine: its threads are not
  /// here, so that it can be neither used, nor closed, nor destroyed.
  bool is_inherited() const { return current_process() != process_; }

  /// Closes all engines of the process; for the moment before the runtime they call into goes away.
  static void close_all();

private:
  PreparedRequest prepare(const Request &request) const;
  std::shared_ptr<const TokenTrail> prepare_draft(const Request &request) const;
  const Vocabulary &vocabulary() const;
  void place_files();
  int threads_of(std::uint64_t weight_bytes) const;
  std::size_t most_kv_tokens() const;
  std::size_t kv_tokens_of_one() const;
  void require_queue_space() const;
  void start_threads();
  void fail_waiting();

  EngineOptions options_;
  int process_ = current_process();
  ModelInfo info_;
  Placement placement_;
  std::vector<std::string> notes_;
  double load_seconds_ = 0.0;
  // Shared by callers that read the vocabulary, exclusive while `close` frees the model.
  mutable std::shared_mutex model_mutex_;
  std::optional<LanguageModel> language_model_; // the decoding thread's, save for its vocabulary
  std::optional<Encoder> encoder_;              // the encoding thread's
  std::optional<CoreSharing> sharing_;
  std::shared_ptr<Board> board_; // tickets ring it, and may outlive the engine
  std::optional<EncodeWorker> encode_worker_;
  std::optional<Scheduler> scheduler_;
  std::mutex close_mutex_; // lets one caller at a time close
  std::thread encode_thread_;
  std::thread decode_thread_;
};

} // namespace ppocrvl
