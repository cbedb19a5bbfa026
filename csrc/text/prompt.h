// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ppocrvl {

enum class Role { user, assistant, system };

/// What one side said in a conversation.
struct Message {
  Role role = Role::user;
  std::string text;
};

/// A part of the chat prompt: a control token by its text, plain text, an earlier answer of the
/// model, in which table and location tokens count, or the place of the image.
struct PromptPiece {
  enum class Kind { control, text, answer, image };

  Kind kind;
  std::string text;
};

/// The prompt of a conversation, as the model's chat template prints it: the image comes first in
/// what the user says first. The answer's cue is "Assistant: " for model version "1.0" and
/// "Assistant:\n" for all later ones. What user and system say stays plain text whatever it
/// contains.
std::vector<PromptPiece> chat_prompt(std::string_view model_version,
                                     const std::vector<Message> &messages, bool with_image);

/// The version a chat template belongs to, for files that do not state it: "1.0" or "1.6" (whose
/// template 1.5 shares).
std::string_view version_of_chat_template(std::string_view chat_template);

} // namespace ppocrvl
