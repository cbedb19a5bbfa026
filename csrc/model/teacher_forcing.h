// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "files/model_files.h"
#include "model/activation_sums.h"
#include "model/text_placement.h"
#include "support/handles.h"
#include "support/trace.h"
#include "text/vocabulary.h"
#include "vision/encoder.h"
#include "vision/pixels.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ppocrvl {

struct TeacherForcingOptions {
  std::string llm;
  std::string mmproj;
  int n_threads = 0; // 0: as an engine has
  bool collect = false;
};

/// A model that is told the answer: what it would have said at each place of a given text, and with
/// `collect`, what went into its matrices meanwhile. On the CPU, one thread at a time.
class TeacherForcing {
public:
  /// Checks both files, then loads them. Throws what `check_pair` throws, and ErrorKind::engine.
  explicit TeacherForcing(const TeacherForcingOptions &options);
  TeacherForcing(const TeacherForcing &) = delete; // the contexts hold addresses of members
  TeacherForcing &operator=(const TeacherForcing &) = delete;
  ~TeacherForcing() = default;

  [[nodiscard]] const ModelInfo &info() const { return info_; }

  /// Ids of an answer, with the token that ends it.
  [[nodiscard]] std::vector<std::int32_t> answer_ids(const std::string &text) const;

  /// Reads a picture and is told the answer. Returns float32 [answer.size(), n_vocab]; row i are
  /// the logits for answer[i]. Without `keep_logits` the array is empty. Throws ErrorKind::image,
  /// option (no answer, or ids outside the vocabulary), context, and engine.
  Array read(const RgbImage &image, const std::string &prompt,
             const std::vector<std::int32_t> &answer, bool keep_logits);

  /// What was collected up to now.
  [[nodiscard]] const ActivationSums &sums() const { return sums_; }

private:
  TeacherForcing(const TeacherForcingOptions &options, const ModelFiles &files);
  void begin(std::size_t n_tokens);
  void feed_image(std::vector<float> &embeddings, const ImageGrid &grid, std::int32_t first);
  void feed_tokens(const std::vector<std::int32_t> &tokens, std::int32_t first,
                   std::size_t n_silent, bool keep_logits, std::vector<float> &logits);

  ModelInfo info_;
  bool collect_;
  int n_threads_;
  ActivationSums sums_;
  TextPlacement placement_;
  LlamaModelPtr model_;
  Vocabulary vocabulary_;
  Encoder encoder_;
  LlamaContextPtr context_;
};

} // namespace ppocrvl
