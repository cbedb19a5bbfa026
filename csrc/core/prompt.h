// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ppocrvl {

/// A part of the chat prompt: a control token by its text, plain text, or the place of the image.
struct PromptPiece {
  enum class Kind { control, text, image };

  Kind kind;
  std::string text;
};

/// The prompt of one user turn, as the model's chat template prints it: the image comes first. The
/// answer's cue is "Assistant: " for model version "1.0" and "Assistant:\n" for all later ones.
/// `user_text` stays plain text whatever it contains.
std::vector<PromptPiece> chat_prompt(std::string_view model_version, std::string_view user_text,
                                     bool with_image);

/// The version a chat template belongs to, for files that do not state it: "1.0" or "1.6" (whose
/// template 1.5 shares).
std::string_view version_of_chat_template(std::string_view chat_template);

} // namespace ppocrvl
