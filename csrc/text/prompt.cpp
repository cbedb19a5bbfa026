// SPDX-License-Identifier: Apache-2.0
#include "text/prompt.h"

namespace ppocrvl {

std::vector<PromptPiece> chat_prompt(std::string_view model_version,
                                     const std::vector<Message> &messages, bool with_image) {
  using Kind = PromptPiece::Kind;
  std::vector<PromptPiece> pieces{{Kind::control, "<|begin_of_sentence|>"}};
  // Texts that follow each other are one piece, because the tokenizer may merge across the seam.
  const auto add = [&](Kind kind, const std::string &text) {
    if (kind == Kind::text && pieces.back().kind == kind) {
      pieces.back().text += text;
    } else {
      pieces.push_back({kind, text});
    }
  };
  // The space of "Assistant: " merges with the answer's first word, the newline never does.
  const std::string separator = model_version == "1.0" ? " " : "\n";
  bool image_is_due = with_image;
  for (const Message &message : messages) {
    switch (message.role) {
    case Role::system:
      add(Kind::text, message.text + "\n");
      break;
    case Role::user:
      add(Kind::text, "User: ");
      if (image_is_due) {
        add(Kind::control, "<|IMAGE_START|>");
        add(Kind::image, "<|IMAGE_PLACEHOLDER|>");
        add(Kind::control, "<|IMAGE_END|>");
        image_is_due = false;
      }
      add(Kind::text, message.text + "\n");
      break;
    case Role::assistant:
      add(Kind::text, "Assistant:");
      if (separator == " ") {
        add(Kind::answer, separator + message.text);
      } else {
        add(Kind::text, separator);
        add(Kind::answer, message.text);
      }
      add(Kind::control, "</s>");
    }
  }
  add(Kind::text, "Assistant:" + separator);
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
