// SPDX-License-Identifier: Apache-2.0
#include "core/engine.h"

#include "core/cpu_count.h"
#include "core/error.h"
#include "core/gguf_file.h"
#include "core/model_check.h"
#include "core/stopwatch.h"

#include <algorithm>
#include <new>
#include <set>

namespace ppocrvl {
namespace {

constexpr int max_grid_side = 4096; // far above any picture that image_grid lets pass

Error closed_error() {
  return {ErrorKind::cancelled, "the engine was closed; make a new Engine to go on"};
}

/// Upstream throws plain std::exception; callers of the core see only Error and bad_alloc.
std::exception_ptr current_error() {
  try {
    throw;
  } catch (const Error &) {
    return std::current_exception();
  } catch (const std::bad_alloc &) {
    return std::current_exception();
  } catch (const std::exception &error) {
    return std::make_exception_ptr(
        Error(ErrorKind::engine, std::string("inference failed: ") + error.what()));
  }
}

std::mutex registry_mutex; // held while `close_all` works, so that no engine dies meanwhile
std::set<Engine *> registry;

} // namespace

Engine::Engine(const EngineOptions &options) {
  const Stopwatch stopwatch;
  {
    const GgufFile llm = read_gguf(options.llm);
    const GgufFile mmproj = read_gguf(options.mmproj);
    check_pair(llm, mmproj);
    info_ = describe_model(llm, mmproj);
  }
  const int cores = usable_physical_cores();
  const auto n_threads = [&](std::uint64_t weight_bytes) {
    return options.n_threads > 0 ? options.n_threads : useful_threads(weight_bytes, cores);
  };
  language_model_.emplace(LanguageModelOptions{
      options.llm,
      n_threads(info_.llm_bytes),
      options.gpu_layers,
      options.use_mmap,
  });
  encoder_.emplace(
      EncoderOptions{
          options.mmproj,
          n_threads(info_.mmproj_bytes),
          options.gpu_layers != 0,
          options.precision,
      },
      NormalizationTable(info_.image_mean, info_.image_std));
  if (encoder_->n_embd() != language_model_->n_embd()) {
    throw Error(ErrorKind::model_mismatch,
                options.mmproj + ": its image tokens are " + std::to_string(encoder_->n_embd()) +
                    " wide, those of " + options.llm + " " +
                    std::to_string(language_model_->n_embd()) + "; use two files of one model");
  }
  worker_ = std::thread([this] { work(); });
  {
    const std::scoped_lock lock(registry_mutex);
    registry.insert(this);
  }
  load_seconds_ = stopwatch.seconds();
}

Engine::~Engine() {
  {
    const std::scoped_lock lock(registry_mutex);
    registry.erase(this);
  }
  close();
}

void Engine::close_all() {
  const std::scoped_lock lock(registry_mutex);
  for (Engine *engine : registry) {
    engine->close();
  }
}

std::shared_ptr<Ticket> Engine::submit(Request request) {
  GenerateJob job{prepare(std::move(request)), std::make_shared<Ticket>()};
  auto ticket = job.ticket;
  if (!queue_.push(std::move(job))) {
    throw closed_error();
  }
  return ticket;
}

std::shared_ptr<Pending<Embeddings>> Engine::submit_embedding(RgbImage image) {
  const ImageGrid grid = image_grid(image, info_.token_side());
  auto pending = std::make_shared<Pending<Embeddings>>();
  if (!queue_.push(EmbedJob{std::move(image), grid, pending})) {
    throw closed_error();
  }
  return pending;
}

std::vector<std::int32_t> Engine::prompt_tokens(const std::string &prompt,
                                                const ImageGrid &grid) const {
  if (grid.rows < 0 || grid.cols < 0 || grid.rows > max_grid_side || grid.cols > max_grid_side) {
    throw Error(ErrorKind::option, "an image grid of " + std::to_string(grid.rows) + "x" +
                                       std::to_string(grid.cols) + " tokens cannot be");
  }
  const std::shared_lock<std::shared_mutex> lock(model_mutex_);
  const auto ids =
      vocabulary().prompt_ids(chat_prompt(info_.model_version, prompt, grid.tokens() > 0));
  std::vector<std::int32_t> all = ids.before_image;
  all.insert(all.end(), static_cast<std::size_t>(grid.tokens()), vocabulary().image_token());
  all.insert(all.end(), ids.after_image.begin(), ids.after_image.end());
  return all;
}

std::vector<std::int32_t> Engine::tokenize(const std::string &text) const {
  const std::shared_lock<std::shared_mutex> lock(model_mutex_);
  return vocabulary().tokenize_with_special(text);
}

void Engine::close() {
  const std::scoped_lock close_lock(close_mutex_);
  const auto waiting = queue_.close();
  {
    const std::scoped_lock lock(running_mutex_);
    closing_ = true;
    if (running_ != nullptr) {
      running_->cancel();
    }
  }
  for (const auto &job : waiting) {
    const auto error = std::make_exception_ptr(closed_error());
    if (const auto *generate_job = std::get_if<GenerateJob>(&job)) {
      generate_job->ticket->fail(error);
    } else if (const auto *embed_job = std::get_if<EmbedJob>(&job)) {
      embed_job->pending->fail(error);
    }
  }
  if (worker_.joinable()) {
    worker_.join();
  }
  const std::unique_lock<std::shared_mutex> lock(model_mutex_);
  encoder_.reset();
  language_model_.reset();
}

PreparedRequest Engine::prepare(Request request) const {
  if (request.max_tokens <= 0) {
    throw Error(ErrorKind::option,
                "max_tokens is " + std::to_string(request.max_tokens) + "; it must be at least 1");
  }
  if (request.trace && !request.image) {
    throw Error(ErrorKind::option, "only a request with a picture can be traced");
  }
  PreparedRequest prepared;
  if (request.image) {
    prepared.grid = image_grid(*request.image, info_.token_side());
  }
  {
    const std::shared_lock<std::shared_mutex> lock(model_mutex_);
    prepared.prompt = vocabulary().prompt_ids(
        chat_prompt(info_.model_version, request.prompt, request.image.has_value()));
  }
  const auto n_prompt = prepared.prompt.size() + static_cast<std::size_t>(prepared.grid.tokens());
  const auto n_ctx = static_cast<std::size_t>(info_.n_ctx_train);
  if (n_prompt >= n_ctx) {
    throw Error(ErrorKind::context, "the prompt has " + std::to_string(n_prompt) + " tokens (" +
                                        std::to_string(prepared.grid.tokens()) +
                                        " of the image), but the model's context holds " +
                                        std::to_string(n_ctx) +
                                        "; shorten the prompt or lower max_pixels");
  }
  prepared.max_tokens = std::min(request.max_tokens, static_cast<int>(n_ctx - n_prompt));
  prepared.request = std::move(request);
  return prepared;
}

const Vocabulary &Engine::vocabulary() const {
  if (!language_model_) {
    throw closed_error();
  }
  return language_model_->vocabulary();
}

void Engine::work() {
  while (auto job = queue_.pop()) {
    if (const auto *generate_job = std::get_if<GenerateJob>(&*job)) {
      complete(*generate_job->ticket, [&] { return generate(*generate_job); });
    } else if (const auto *embed_job = std::get_if<EmbedJob>(&*job)) {
      const auto &cancelled = embed_job->pending->cancelled();
      complete(*embed_job->pending, [&] {
        return Embeddings{
            embed_job->grid,
            encoder_->encode(embed_job->image, embed_job->grid, cancelled),
        };
      });
    }
  }
}

Result Engine::generate(const GenerateJob &job) {
  Sequence sequence(job.prepared, encoder_.value(), language_model_.value(), *job.ticket);
  try {
    sequence.prefill();
    while (sequence.step()) {
    }
  } catch (const Error &error) {
    if (error.kind() != ErrorKind::cancelled) {
      throw;
    }
    const std::scoped_lock lock(running_mutex_);
    if (closing_) {
      throw closed_error();
    }
    sequence.mark_cancelled();
  }
  return sequence.finish();
}

/// Keeps `close` able to stop what runs, and the worker alive whatever `make` throws.
template <class Value, class Make> void Engine::complete(Pending<Value> &pending, Make make) {
  {
    const std::scoped_lock lock(running_mutex_);
    running_ = &pending;
    if (closing_) {
      pending.cancel();
    }
  }
  std::optional<Value> value;
  std::exception_ptr error;
  try {
    value.emplace(make());
  } catch (...) {
    error = current_error();
  }
  {
    const std::scoped_lock lock(running_mutex_);
    running_ = nullptr;
  }
  if (value) {
    pending.fulfil(std::move(*value));
  } else {
    pending.fail(error);
  }
}

} // namespace ppocrvl
