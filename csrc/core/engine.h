// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/encoder.h"
#include "core/language_model.h"
#include "core/model_info.h"
#include "core/request.h"
#include "core/sequence.h"
#include "core/ticket.h"
#include "core/work_queue.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <thread>
#include <variant>
#include <vector>

namespace ppocrvl {

struct EngineOptions {
  std::string llm;
  std::string mmproj;
  int n_threads = 0;   // 0: the usable physical cores, fewer for a small model
  int gpu_layers = -1; // negative: all if there is a GPU; 0: none
  bool use_mmap = true;
  VisionPrecision precision = VisionPrecision::automatic;
};

/// Image tokens, float32 [grid.tokens(), n_embd].
struct Embeddings {
  ImageGrid grid;
  std::vector<float> values;
};

/// One model, and the one thread that computes with it. Requests wait in line. All public functions
/// may be called from any thread.
class Engine {
public:
  /// Checks both files, then loads them. Throws what `check_pair` throws, and ErrorKind::engine.
  explicit Engine(const EngineOptions &options);
  ~Engine();
  Engine(const Engine &) = delete;
  Engine &operator=(const Engine &) = delete;

  /// Queues a request. Throws at once for what can be seen at once: ErrorKind::option, image,
  /// context.
  std::shared_ptr<Ticket> submit(Request request);

  /// Queues the encoding of a picture alone.
  std::shared_ptr<Pending<Embeddings>> submit_embedding(RgbImage image);

  /// Ids of the prompt as they are fed; the image stands for rows * cols equal ids.
  std::vector<std::int32_t> prompt_tokens(const std::string &prompt, const ImageGrid &grid) const;

  /// Ids of any text, special tokens in it included.
  std::vector<std::int32_t> tokenize(const std::string &text) const;

  const ModelInfo &info() const { return info_; }
  double load_seconds() const { return load_seconds_; }

  /// Stops the worker and frees the model; unfinished requests fail with ErrorKind::cancelled.
  /// Idempotent.
  void close();

  /// Closes all engines of the process; for the moment before the runtime they call into goes away.
  static void close_all();

private:
  struct GenerateJob {
    PreparedRequest prepared;
    std::shared_ptr<Ticket> ticket;
  };
  struct EmbedJob {
    RgbImage image;
    ImageGrid grid;
    std::shared_ptr<Pending<Embeddings>> pending;
  };
  using Job = std::variant<GenerateJob, EmbedJob>;

  PreparedRequest prepare(Request request) const;
  const Vocabulary &vocabulary() const;
  void work();
  Result generate(const GenerateJob &job);
  template <class Value, class Make> void complete(Pending<Value> &pending, Make make);

  ModelInfo info_;
  double load_seconds_ = 0.0;
  // Shared by callers that read the vocabulary, exclusive while `close` frees the model.
  mutable std::shared_mutex model_mutex_;
  std::optional<LanguageModel> language_model_; // the worker's, save for its vocabulary
  std::optional<Encoder> encoder_;              // the worker's
  WorkQueue<Job> queue_;
  std::mutex running_mutex_; // guards the next two
  Cancellable *running_ = nullptr;
  bool closing_ = false;
  std::mutex close_mutex_; // lets one caller at a time close
  std::thread worker_;
};

} // namespace ppocrvl
