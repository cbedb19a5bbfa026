// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.h"

#include "files/model_files.h"
#include "schedule/layout_turns.h"
#include "support/cpu_count.h"
#include "support/error.h"
#include "support/exception_memory.h"
#include "support/stopwatch.h"
#include "text/sampler.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>

namespace ppocrvl {
namespace {

constexpr int max_grid_side = 4096; // far above any picture that image_grid lets pass

// What a request takes by default: the picture's tokens, the prompt's, and an answer's.
constexpr std::size_t usual_answer = 4096;
constexpr std::size_t usual_prompt = 64;

// Of a draft; what is behind it is left out.
constexpr std::size_t most_draft_bytes = std::size_t{64} << 10;
constexpr std::size_t most_draft_tokens = most_draft_bytes / 2;

std::mutex registry_mutex; // held while `close_all` works, so that no engine dies meanwhile
std::set<Engine *> registry;

} // namespace

Engine::Engine(const EngineOptions &options)
    : options_(options), board_(std::make_shared<Board>(options.cache_bytes)) {
  take_memory_for_exceptions();
  const Stopwatch stopwatch;
  if (options.n_parallel < 1 || options.n_parallel > most_parallel) {
    throw Error(ErrorKind::option, "n_parallel must be from 1 to " + std::to_string(most_parallel) +
                                       ", not " + std::to_string(options.n_parallel));
  }
  place_files();
  const int encode_threads = std::min(options.encode_threads, usable_processors());
  sharing_.emplace(options.encode_threads == 0 && placement_.shares_device(),
                   placement_.uses_host() ? &process_turns() : nullptr);
  language_model_.emplace(LanguageModelOptions{
      options.llm,
      std::max(1, threads_of(info_.llm_bytes) - encode_threads),
      placement_.text,
      options.use_mmap,
      options.n_parallel,
      options.deterministic,
  });
  encoder_.emplace(
      EncoderOptions{
          options.mmproj,
          encode_threads > 0 ? encode_threads : threads_of(info_.mmproj_bytes),
          placement_.vision,
      },
      NormalizationTable(info_.image_mean, info_.image_std));
  if (encoder_->n_embd() != language_model_->n_embd()) {
    throw Error(ErrorKind::model_mismatch,
                options.mmproj + ": its image tokens are " + std::to_string(encoder_->n_embd()) +
                    " wide, those of " + options.llm + " " +
                    std::to_string(language_model_->n_embd()) + "; use two files of one model");
  }
  try {
    start_threads();
    const std::scoped_lock lock(registry_mutex);
    registry.insert(this);
  } catch (...) {
    close(); // ends the thread that was started
    std::rethrow_exception(current_error());
  }
  load_seconds_ = stopwatch.seconds();
}

/// Reads what the files say, and decides where they go.
void Engine::place_files() {
  const ModelFiles files = read_model_files(options_.llm, options_.mmproj);
  info_ = files.info;
  const PlacementWishes wishes{
      options_.device,    options_.vision_device, options_.text_device,
      options_.precision, options_.kernels,       most_kv_tokens(),
  };
  const bool is_host = wants_host_alone(wishes); // then no driver is started
  placement_ = place(wishes, is_host ? std::vector<Device>() : list_devices(), files);
  if (!placement_.note.empty()) {
    notes_.push_back(placement_.note);
  }
  const int most = usable_processors();
  for (const auto &[option, count] : {
           std::pair("n_threads", options_.n_threads),
           std::pair("encode_threads", options_.encode_threads),
       }) {
    if (count > most) {
      notes_.push_back(std::string(option) + " is " + std::to_string(count) +
                       ", but this process may use " + std::to_string(most) +
                       (most == 1 ? " CPU" : " CPUs") + ": as many threads compute");
    }
  }
}

int Engine::threads_of(std::uint64_t weight_bytes) const {
  return options_.n_threads > 0 ? std::min(options_.n_threads, usable_processors())
                                : useful_threads(weight_bytes, usable_physical_cores());
}

void Engine::start_threads() {
  const auto n_parallel = static_cast<std::size_t>(options_.n_parallel);
  const SchedulerOptions scheduling{options_.n_parallel, most_kv_tokens(), options_.deterministic};
  CoreSharing &sharing = sharing_.value();
  EncodeWorker &encoding = encode_worker_.emplace(*board_, encoder_.value(), sharing, n_parallel);
  Scheduler &decoding = scheduler_.emplace(*board_, language_model_.value(), sharing, scheduling);
  try {
    encode_thread_ = std::thread([&encoding] { encoding.run(); });
    decode_thread_ = std::thread([&decoding] { decoding.run(); });
  } catch (const std::system_error &error) {
    throw Error(ErrorKind::engine, std::string("cannot start a thread (") + error.what() +
                                       "); raise the limit of processes (ulimit -u) or of memory");
  }
}

/// KV cells that the cache may grow to: as the caller says, or for as many requests of the usual
/// size as may run.
std::size_t Engine::most_kv_tokens() const {
  if (options_.kv_tokens > 0) {
    return static_cast<std::size_t>(options_.kv_tokens);
  }
  int pixels = info_.max_pixels;
  for (const auto &[task, limits] : info_.task_pixels) {
    pixels = std::max(pixels, limits.second);
  }
  const auto image = static_cast<std::size_t>(pixels / (info_.token_side() * info_.token_side()));
  const std::size_t one =
      std::min(image + usual_prompt + usual_answer, static_cast<std::size_t>(info_.n_ctx_train));
  return one * static_cast<std::size_t>(options_.n_parallel);
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

std::shared_ptr<Ticket> Engine::submit(Request &&request) {
  take_memory_for_exceptions();
  {
    const std::scoped_lock lock(board_->mutex);
    require_queue_space(); // first: who waits for a place tries again, and tokenising takes time
  }
  PreparedRequest prepared = prepare(request);
  const std::shared_ptr<Waker> waker = board_;
  auto ticket = std::make_shared<Ticket>(waker, request.deadline);
  {
    const std::scoped_lock lock(board_->mutex);
    require_queue_space();
    prepared.request = std::move(request);
    prepared.request.draft.reset(); // megabytes, of which its tokens are in use
    GenerateJob job;
    job.prepared = std::move(prepared);
    job.ticket = ticket;
    job.number = board_->arrivals++;
    if (job.prepared.request.image) {
      board_->to_encode.emplace_back(std::move(job));
    } else {
      board_->to_admit.push_back(std::move(job));
    }
  }
  board_->changed.notify_all();
  return ticket;
}

std::shared_ptr<Pending<EmbeddingsPtr>> Engine::submit_embedding(RgbImage &&image,
                                                                 std::string image_key) {
  take_memory_for_exceptions();
  const ImageGrid grid = image_grid(image, info_.token_side());
  const std::shared_ptr<Waker> waker = board_;
  auto pending = std::make_shared<Pending<EmbeddingsPtr>>(waker);
  {
    const std::scoped_lock lock(board_->mutex);
    require_queue_space();
    board_->to_encode.emplace_back(EmbedJob{
        std::move(image),
        std::move(image_key),
        grid,
        pending,
        board_->arrivals++,
    });
  }
  board_->changed.notify_all();
  return pending;
}

bool Engine::wait_for_queue_space(std::chrono::milliseconds limit) {
  std::unique_lock<std::mutex> lock(board_->mutex);
  return board_->changed.wait_for(lock, limit, [this] {
    return board_->closing || board_->waiting() < static_cast<std::size_t>(options_.max_waiting);
  });
}

/// Under the board's lock.
void Engine::require_queue_space() const {
  if (board_->closing) {
    std::rethrow_exception(closed_error());
  }
  if (board_->waiting() >= static_cast<std::size_t>(options_.max_waiting)) {
    throw Error(ErrorKind::queue_full, std::to_string(options_.max_waiting) +
                                           " requests wait already; try again later, or raise "
                                           "max_waiting");
  }
}

std::vector<std::int32_t> Engine::prompt_tokens(const std::vector<Message> &messages,
                                                const ImageGrid &grid) const {
  if (grid.rows < 0 || grid.cols < 0 || grid.rows > max_grid_side || grid.cols > max_grid_side) {
    throw Error(ErrorKind::option, "an image grid of " + std::to_string(grid.rows) + "x" +
                                       std::to_string(grid.cols) + " tokens cannot be");
  }
  const std::shared_lock<std::shared_mutex> lock(model_mutex_);
  const auto ids =
      vocabulary().prompt_ids(chat_prompt(info_.model_version, messages, grid.tokens() > 0));
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
  if (is_inherited()) {
    return;
  }
  const std::scoped_lock close_lock(close_mutex_);
  {
    const std::scoped_lock lock(board_->mutex);
    board_->closing = true;
  }
  board_->changed.notify_all();
  for (std::thread *thread : {&encode_thread_, &decode_thread_}) {
    if (thread->joinable()) {
      thread->join();
    }
  }
  fail_waiting();
  const std::unique_lock<std::shared_mutex> lock(model_mutex_);
  encode_worker_.reset();
  scheduler_.reset();
  encoder_.reset();
  language_model_.reset();
}

void Engine::fail_waiting() {
  std::vector<EncodeJob> to_encode;
  std::vector<GenerateJob> to_admit;
  {
    const std::scoped_lock lock(board_->mutex);
    to_encode.swap(board_->to_encode);
    to_admit.swap(board_->to_admit);
  }
  const std::exception_ptr error = closed_error();
  for (const EncodeJob &job : to_encode) {
    fail(job, error);
  }
  for (const GenerateJob &job : to_admit) {
    job.ticket->fail(error);
  }
}

PreparedRequest Engine::prepare(const Request &request) const {
  if (request.max_tokens <= 0) {
    throw Error(ErrorKind::option,
                "max_tokens is " + std::to_string(request.max_tokens) + "; it must be at least 1");
  }
  if (request.trace && !request.image) {
    throw Error(ErrorKind::option, "only a request with an image can be traced");
  }
  for (const std::string &stop : request.stop) {
    if (stop.empty()) {
      throw Error(ErrorKind::option, "a stop text is empty; leave it out");
    }
  }
  if (request.messages.empty() || request.messages.back().role != Role::user) {
    throw Error(ErrorKind::option, "the last of the messages must be the user's");
  }
  const auto n_ctx = static_cast<std::size_t>(info_.n_ctx_train);
  PreparedRequest prepared;
  if (request.image) {
    prepared.grid = image_grid(*request.image, info_.token_side());
  }
  {
    const std::shared_lock<std::shared_mutex> lock(model_mutex_);
    prepared.prompt = vocabulary().prompt_ids(
        chat_prompt(info_.model_version, request.messages, request.image.has_value()), n_ctx);
    prepared.grammar = check_sampling(request.sampling, language_model_.value().vocab());
    if (prepared.grammar != nullptr) {
      vocabulary().texts(); // here, not in the thread that decodes for all
    }
    if (request.draft) {
      auto draft = prepare_draft(request);
      // How many tokens are computed at once decides how sums are rounded.
      prepared.draft = options_.deterministic ? nullptr : std::move(draft);
    }
  }
  const auto n_prompt = prepared.prompt.size() + static_cast<std::size_t>(prepared.grid.tokens());
  if (n_prompt >= n_ctx) {
    throw Error(ErrorKind::context, "the prompt has " + std::to_string(n_prompt) + " tokens (" +
                                        std::to_string(prepared.grid.tokens()) +
                                        " of the image), but the model's context holds " +
                                        std::to_string(n_ctx) +
                                        "; shorten the prompt or lower max_pixels");
  }
  prepared.max_tokens = std::min(request.max_tokens, static_cast<int>(n_ctx - n_prompt));
  if (options_.kv_tokens > 0 && prepared.n_reserved() > kv_tokens_of_one()) {
    throw Error(ErrorKind::context,
                "the request may take " + std::to_string(prepared.n_reserved()) +
                    " tokens of the cache, which holds " + std::to_string(kv_tokens_of_one()) +
                    "; lower max_tokens or max_pixels, or raise kv_tokens");
  }
  return prepared;
}

/// The tokens of what the answer will probably be, as many as can be of use.
std::shared_ptr<const TokenTrail> Engine::prepare_draft(const Request &request) const {
  if (request.sampling.temperature > 0.0F) {
    throw Error(ErrorKind::option,
                "draft is for answers of the likeliest tokens; leave out draft or temperature");
  }
  const auto *text = std::get_if<std::string>(&request.draft.value());
  const std::vector<std::int32_t> ids =
      text != nullptr ? vocabulary().answer_ids(std::string_view(*text).substr(0, most_draft_bytes))
                      : std::get<std::vector<std::int32_t>>(request.draft.value());
  const auto n_vocab = static_cast<std::int32_t>(vocabulary().size());
  auto trail = std::make_shared<TokenTrail>();
  for (const std::int32_t id : ids) {
    if (id < 0 || id >= n_vocab) {
      throw Error(ErrorKind::option, "draft has token " + std::to_string(id) +
                                         "; the model's are 0 to " + std::to_string(n_vocab - 1));
    }
    if (trail->size() < most_draft_tokens && !vocabulary().ends_generation(id)) {
      trail->push(id, vocabulary().token_bytes(id, true));
    }
  }
  return trail;
}

const Vocabulary &Engine::vocabulary() const {
  if (!language_model_) {
    std::rethrow_exception(closed_error());
  }
  return language_model_->vocabulary();
}

/// What one request may take of a cache of the given size.
std::size_t Engine::kv_tokens_of_one() const {
  return static_cast<std::size_t>(options_.deterministic ? options_.kv_tokens / options_.n_parallel
                                                         : options_.kv_tokens);
}

} // namespace ppocrvl
