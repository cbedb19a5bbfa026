// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "text/prompt.h"

#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace ppocrvl::binding {

/// What the user says, or the turns of a conversation as (role, text).
using Prompt = std::variant<std::string, std::vector<std::pair<std::string, std::string>>>;

/// Throws ErrorKind::option for a role that there is not.
std::vector<Message> to_messages(const Prompt &prompt);

} // namespace ppocrvl::binding
