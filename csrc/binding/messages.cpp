// SPDX-License-Identifier: Apache-2.0
#include "binding/messages.h"

#include "support/error.h"

namespace ppocrvl::binding {
namespace {

Role role_named(const std::string &name) {
  if (name == "user") {
    return Role::user;
  }
  if (name == "assistant") {
    return Role::assistant;
  }
  if (name == "system") {
    return Role::system;
  }
  throw Error(ErrorKind::option,
              "a message's role must be user, assistant or system, not \"" + name + "\"");
}

} // namespace

std::vector<Message> to_messages(const Prompt &prompt) {
  if (const auto *text = std::get_if<std::string>(&prompt)) {
    return {{Role::user, *text}};
  }
  std::vector<Message> messages;
  for (const auto &[role, text] : std::get<1>(prompt)) {
    messages.push_back({role_named(role), text});
  }
  return messages;
}

} // namespace ppocrvl::binding
