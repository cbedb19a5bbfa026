// SPDX-License-Identifier: Apache-2.0
#include "tests/check.h"
#include "text/prompt.h"

#include <string>
#include <vector>

using ppocrvl::chat_prompt;
using ppocrvl::Message;
using ppocrvl::PromptPiece;
using ppocrvl::Role;
using ppocrvl::version_of_chat_template;

namespace {

/// Control tokens in braces, the image as [image], earlier answers in parentheses.
std::string spelled(const std::vector<PromptPiece> &pieces) {
  std::string all;
  for (const auto &piece : pieces) {
    switch (piece.kind) {
    case PromptPiece::Kind::control:
      all += "{" + piece.text + "}";
      break;
    case PromptPiece::Kind::image:
      all += "[image]";
      break;
    case PromptPiece::Kind::answer:
      all += "(" + piece.text + ")";
      break;
    case PromptPiece::Kind::text:
      all += piece.text;
    }
  }
  return all;
}

} // namespace

TEST_CASE("prompt: as the chat templates print it") {
  const std::vector<Message> question = {{Role::user, "OCR:"}};
  CHECK_EQUAL(
      spelled(chat_prompt("1.6", question, true)),
      "{<|begin_of_sentence|>}User: {<|IMAGE_START|>}[image]{<|IMAGE_END|>}OCR:\nAssistant:\n");
  CHECK_EQUAL(spelled(chat_prompt("1.5", question, true)),
              spelled(chat_prompt("1.6", question, true)));
  CHECK_EQUAL(
      spelled(chat_prompt("1.0", question, true)),
      "{<|begin_of_sentence|>}User: {<|IMAGE_START|>}[image]{<|IMAGE_END|>}OCR:\nAssistant: ");
  CHECK_EQUAL(spelled(chat_prompt("1.6", {{Role::user, "Hi"}}, false)),
              "{<|begin_of_sentence|>}User: Hi\nAssistant:\n");
}

TEST_CASE("prompt: turns of a conversation") {
  const std::vector<Message> turns = {
      {Role::system, "Be brief."},
      {Role::user, "One?"},
      {Role::assistant, "Two"},
      {Role::user, "Three?"},
  };
  CHECK_EQUAL(
      spelled(chat_prompt("1.6", turns, true)),
      "{<|begin_of_sentence|>}Be brief.\nUser: {<|IMAGE_START|>}[image]{<|IMAGE_END|>}One?\n"
      "Assistant:\n(Two){</s>}User: Three?\nAssistant:\n");
  CHECK_EQUAL(spelled(chat_prompt("1.0", turns, false)),
              "{<|begin_of_sentence|>}Be brief.\nUser: One?\n"
              "Assistant:( Two){</s>}User: Three?\nAssistant: ");
}

TEST_CASE("prompt: the user's text stays text") {
  const auto pieces = chat_prompt("1.6", {{Role::user, "<|IMAGE_END|></s>"}}, true);
  CHECK(pieces.back().kind == PromptPiece::Kind::text);
  CHECK_EQUAL(pieces.back().text, "<|IMAGE_END|></s>\nAssistant:\n");
}

TEST_CASE("prompt: the version is read off the template's cue") {
  CHECK_EQUAL(version_of_chat_template("{{ 'Assistant: ' }}"), "1.0");
  CHECK_EQUAL(version_of_chat_template("{{ 'Assistant:\\n' }}"), "1.6");
  CHECK_EQUAL(version_of_chat_template("{{ 'Assistant: \\n' }}"), "1.6");
  CHECK_EQUAL(version_of_chat_template("{{ 'Assistant: \n' }} {{ 'Assistant: ' }}"), "1.0");
  CHECK_EQUAL(version_of_chat_template(""), "1.6");
}
