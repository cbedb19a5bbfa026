// SPDX-License-Identifier: Apache-2.0
#include "files/model_info.h"

#include "files/gguf_file.h"
#include "support/error.h"
#include "text/prompt.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <optional>
#include <string_view>

namespace ppocrvl {
namespace {

// clip.cpp fixes the merge of 2x2 patches for this projector; no key carries it.
constexpr int fixed_merge_size = 2;

[[noreturn]] void reject(const GgufFile &file, const std::string &key, const std::string &why) {
  throw Error(ErrorKind::model_format,
              file.path + ": key " + key + " " + why + "; export the model again");
}

int natural_number(const GgufFile &file, const std::string &key) {
  const GgufValue *value = file.find(key);
  if (value == nullptr) {
    reject(file, key, "is missing");
  }
  if (value->is_array || value->type == GgufType::string) {
    reject(file, key, "is not a number");
  }
  const double number = value->number();
  if (!(number >= 1.0) || number > std::numeric_limits<int>::max() ||
      number != std::floor(number)) {
    reject(file, key, "is no positive integer");
  }
  return static_cast<int>(number);
}

std::optional<std::string> text(const GgufFile &file, const std::string &key) {
  const GgufValue *value = file.find(key);
  if (value == nullptr || value->is_array || value->type != GgufType::string) {
    return std::nullopt;
  }
  return value->strings.front();
}

std::array<float, 3> three_floats(const GgufFile &file, const std::string &key) {
  const GgufValue *value = file.find(key);
  if (value == nullptr || !value->is_array || value->type != GgufType::f32 || value->count() != 3) {
    reject(file, key, "is no array of three floats");
  }
  return {value->get<float>(0), value->get<float>(1), value->get<float>(2)};
}

std::map<std::string, std::pair<int, int>> task_pixels(const GgufFile &mmproj) {
  constexpr std::string_view prefix = "ppocrvl.task.";
  constexpr std::string_view suffix = ".min_pixels";
  std::map<std::string, std::pair<int, int>> limits;
  for (const auto &[key, value] : mmproj.metadata) {
    const std::string_view view = key;
    if (view.size() <= prefix.size() + suffix.size() || view.substr(0, prefix.size()) != prefix ||
        view.substr(view.size() - suffix.size()) != suffix) {
      continue;
    }
    const std::string task(view.substr(prefix.size(), view.size() - prefix.size() - suffix.size()));
    limits[task] = {natural_number(mmproj, key),
                    natural_number(mmproj, std::string(prefix) + task + ".max_pixels")};
  }
  return limits;
}

} // namespace

ModelInfo describe_model(const GgufFile &llm, const GgufFile &mmproj) {
  ModelInfo info;
  info.architecture = llm.architecture();
  const std::string chat_template = text(llm, "tokenizer.chat_template").value_or("");
  info.model_version = text(llm, "ppocrvl.model_version").value_or("");
  if (info.model_version.empty()) {
    info.model_version = version_of_chat_template(chat_template);
  }
  info.max_lines =
      llm.find("ppocrvl.max_lines") == nullptr ? 0 : natural_number(llm, "ppocrvl.max_lines");
  if (const GgufValue *tasks = llm.find("ppocrvl.tasks")) {
    // A name is ours and plain; strings of a file may hold any bytes.
    std::copy_if(tasks->strings.begin(), tasks->strings.end(), std::back_inserter(info.tasks),
                 [](const std::string &name) {
                   return std::all_of(name.begin(), name.end(),
                                      [](char c) { return c >= 'a' && c <= 'z'; });
                 });
  }
  const GgufValue *tokens = llm.find("tokenizer.ggml.tokens");
  info.n_vocab = tokens == nullptr ? 0 : static_cast<int>(tokens->count());
  info.n_embd = natural_number(llm, info.architecture + ".embedding_length");
  info.n_layer = natural_number(llm, info.architecture + ".block_count");
  info.n_ctx_train = natural_number(llm, info.architecture + ".context_length");
  info.patch_size = natural_number(mmproj, "clip.vision.patch_size");
  info.merge_size = fixed_merge_size;
  info.image_mean = three_floats(mmproj, "clip.vision.image_mean");
  info.image_std = three_floats(mmproj, "clip.vision.image_std");
  info.min_pixels = natural_number(mmproj, "clip.vision.image_min_pixels");
  info.max_pixels = natural_number(mmproj, "clip.vision.image_max_pixels");
  info.task_pixels = task_pixels(mmproj);
  info.llm_bytes = llm.size;
  info.mmproj_bytes = mmproj.size;
  return info;
}

} // namespace ppocrvl
