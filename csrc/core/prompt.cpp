// SPDX-License-Identifier: Apache-2.0
#include "core/prompt.h"

namespace ppocrvl {

std::vector<PromptPiece> chat_prompt(std::string_view model_version, std::string_view user_text,
                                     bool with_image) {
  using Kind = PromptPiece::Kind;
  const std::string cue = model_version == "1.0" ? "\nAssistant: " : "\nAssistant:\n";
  const std::string question = std::string(user_text) + cue;
  std::vector<PromptPiece> pieces{{Kind::control, "<|begin_of_sentence|>"}};
  if (with_image) {
    pieces.push_back({Kind::text, "User: "});
    pieces.push_back({Kind::control, "<|IMAGE_START|>"});
    pieces.push_back({Kind::image, "<|IMAGE_PLACEHOLDER|>"});
    pieces.push_back({Kind::control, "<|IMAGE_END|>"});
    pieces.push_back({Kind::text, question});
  } else {
    // One piece, because the tokenizer may merge across the seam.
    pieces.push_back({Kind::text, "User: " + question});
  }
  return pieces;
}

std::string_view version_of_chat_template(std::string_view chat_template) {
  constexpr std::string_view cue = "Assistant: ";
  for (auto at = chat_template.find(cue); at != std::string_view::npos;
       at = chat_template.find(cue, at + 1)) {
    const auto rest = chat_template.substr(at + cue.size());
    // A template may hold the newline itself or its escape sequence.
    if (rest.substr(0, 1) != "\n" && rest.substr(0, 2) != "\\n") {
      return "1.0";
    }
  }
  return "1.6";
}

} // namespace ppocrvl
