// SPDX-License-Identifier: Apache-2.0
#include "model/teacher_forcing.h"

#include "files/model_sizes.h"
#include "model/llama_runtime.h"
#include "model/mrope.h"
#include "support/cpu_count.h"
#include "support/error.h"
#include "text/prompt.h"

#include <algorithm>

namespace ppocrvl {
namespace {

/// An engine's on the CPU, with ggml's operations: the sums are collected at its products.
TextPlacement text_placement(const GgufFile &llm) {
  TextPlacement placement;
  placement.float32_cache = llm_sizes(llm).is_float32;
  return placement;
}

/// As many as an engine takes for so many bytes of weights, unless the caller says.
int threads(int wanted, std::uint64_t weight_bytes) {
  return wanted > 0 ? wanted : useful_threads(weight_bytes, usable_physical_cores());
}

/// libllama's form of a NodeObserver.
bool observe(ggml_tensor *node, bool ask, void *observer) {
  auto &target = *static_cast<NodeObserver *>(observer);
  const bool wanted = target.wants(*node);
  if (!ask && wanted) {
    target.see(*node);
  }
  return ask ? wanted : true;
}

} // namespace

TeacherForcing::TeacherForcing(const TeacherForcingOptions &options)
    : TeacherForcing(options, read_model_files(options.llm, options.mmproj)) {}

TeacherForcing::TeacherForcing(const TeacherForcingOptions &options, const ModelFiles &files)
    : info_(files.info), collect_(options.collect),
      n_threads_(threads(options.n_threads, info_.llm_bytes)),
      placement_(text_placement(files.llm)),
      model_(load_llama_model(options.llm, placement_.device, /*use_mmap=*/true)),
      vocabulary_(llama_model_get_vocab(model_.get())),
      encoder_(
          EncoderOptions{
              options.mmproj,
              threads(options.n_threads, info_.mmproj_bytes),
              VisionPlacement(),
              collect_ ? &sums_ : nullptr,
          },
          NormalizationTable(info_.image_mean, info_.image_std)) {}

std::vector<std::int32_t> TeacherForcing::answer_ids(const std::string &text) const {
  std::vector<std::int32_t> ids = vocabulary_.tokenize_with_special(text);
  ids.push_back(llama_vocab_eos(llama_model_get_vocab(model_.get())));
  return ids;
}

Array TeacherForcing::read(const RgbImage &image, const std::string &prompt,
                           const std::vector<std::int32_t> &answer, bool keep_logits) {
  const std::size_t n_vocab = vocabulary_.size();
  if (answer.empty() || std::any_of(answer.begin(), answer.end(), [&](std::int32_t id) {
        return id < 0 || static_cast<std::size_t>(id) >= n_vocab;
      })) {
    throw Error(ErrorKind::option, "an answer has at least one token, and those of the vocabulary");
  }
  const ImageGrid grid = image_grid(image, info_.token_side());
  const auto [before_image, after_image] = vocabulary_.prompt_ids(
      chat_prompt(info_.model_version, {{Role::user, prompt}}, /*with_image=*/true));
  const std::size_t n_tokens = before_image.size() + static_cast<std::size_t>(grid.tokens()) +
                               after_image.size() + answer.size();
  if (n_tokens > static_cast<std::size_t>(info_.n_ctx_train)) {
    throw Error(ErrorKind::context, "image and answer have " + std::to_string(n_tokens) +
                                        " tokens, but the model's context holds " +
                                        std::to_string(info_.n_ctx_train));
  }
  const auto goes_on = [] { return true; };
  std::vector<float> embeddings = encoder_.encode(image, grid, goes_on);
  begin(n_tokens);
  std::vector<float> logits;
  feed_tokens(before_image, 0, before_image.size(), false, logits);
  auto position = static_cast<std::int32_t>(before_image.size());
  feed_image(embeddings, grid, position);
  position = position_after_image(grid, position);
  // The last token of the prompt predicts the first of the answer, whose last predicts nothing.
  std::vector<std::int32_t> rest = after_image;
  rest.insert(rest.end(), answer.begin(), answer.end() - 1);
  feed_tokens(rest, position, after_image.size() - 1, keep_logits, logits);
  return {{keep_logits ? answer.size() : 0, n_vocab}, std::move(logits)};
}

void TeacherForcing::begin(std::size_t n_tokens) {
  if (context_ && n_tokens <= llama_n_ctx(context_.get())) {
    llama_memory_clear(llama_get_memory(context_.get()), /*data=*/false);
    return;
  }
  context_.reset();
  // As an engine has them, so that its numbers are compared.
  llama_context_params params = usual_context_params(placement_, n_tokens, 1, n_threads_);
  params.n_seq_max = 1;
  if (collect_) {
    params.cb_eval = &observe;
    params.cb_eval_user_data = static_cast<NodeObserver *>(&sums_);
  }
  context_ = make_llama_context(*model_, params);
}

void TeacherForcing::feed_image(std::vector<float> &embeddings, const ImageGrid &grid,
                                std::int32_t first) {
  const auto width = static_cast<std::size_t>(encoder_.n_embd());
  const int step = placement_.batch_tokens;
  std::vector<std::int8_t> silent(static_cast<std::size_t>(step), 0);
  for (int begin = 0; begin < grid.tokens(); begin += step) {
    const int count = std::min(step, grid.tokens() - begin);
    auto planes = image_position_planes(grid, first, begin, count);
    llama_batch batch{};
    batch.n_tokens = count;
    batch.embd = embeddings.data() + static_cast<std::size_t>(begin) * width;
    batch.pos = planes.data();
    batch.logits = silent.data();
    decode_batch(context_, batch);
  }
}

/// The first `n_silent` tokens give no logits.
void TeacherForcing::feed_tokens(const std::vector<std::int32_t> &tokens, std::int32_t first,
                                 std::size_t n_silent, bool keep_logits,
                                 std::vector<float> &logits) {
  const std::size_t n_vocab = vocabulary_.size();
  constexpr std::size_t most = TextPlacement::batch_outputs;
  for (std::size_t begin = 0; begin < tokens.size();) {
    const std::size_t count = std::min(most, tokens.size() - begin);
    std::vector<std::int32_t> some(tokens.begin() + static_cast<std::ptrdiff_t>(begin),
                                   tokens.begin() + static_cast<std::ptrdiff_t>(begin + count));
    auto positions =
        text_positions(first + static_cast<std::int32_t>(begin), static_cast<int>(count));
    std::vector<std::int8_t> outputs(count);
    std::size_t n_outputs = 0;
    for (std::size_t i = 0; i < count; ++i) {
      outputs[i] = begin + i >= n_silent ? 1 : 0;
      n_outputs += static_cast<std::size_t>(outputs[i]);
    }
    llama_batch batch{};
    batch.n_tokens = static_cast<std::int32_t>(count);
    batch.token = some.data();
    batch.pos = positions.data();
    batch.logits = outputs.data();
    decode_batch(context_, batch);
    if (keep_logits && n_outputs > 0) {
      const float *rows = llama_get_logits(context_.get());
      logits.insert(logits.end(), rows, rows + n_outputs * n_vocab);
    }
    begin += count;
  }
}

} // namespace ppocrvl
