// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "schedule/job.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ppocrvl {

/// What one sequence's part of the KV cache holds.
struct CacheContent {
  PromptIds tokens; // those that were fed, the answer's at the end
  ImageGrid grid;
  std::string image_key;    // of the picture between them
  std::size_t n_prompt = 0; // of the tokens at the end of `tokens`: fed as a prompt, in chunks

  [[nodiscard]] std::size_t size() const {
    return tokens.size() + static_cast<std::size_t>(grid.tokens());
  }
};

/// How much of a prompt, picture included, need not be fed again where `content` is: everything
/// that is the same, or only whole chunks of `chunk` tokens that were fed as they would be fed now
/// (then the cache is the same to the bit). The prompt's last token is always fed.
std::size_t reusable(const CacheContent &content, const PreparedRequest &prepared,
                     std::optional<std::size_t> chunk);

/// The places in the KV cache that no request has at the moment. They keep what they hold until
/// somebody needs them, or their KV cells.
class CacheSlots {
public:
  struct Choice {
    int slot = 0;
    std::size_t reused = 0; // tokens of its content that the request goes on from
  };

  explicit CacheSlots(int count);

  [[nodiscard]] std::size_t count() const { return idle_.size(); }

  /// Tokens that they hold, but for one of them.
  [[nodiscard]] std::size_t tokens(int except) const;

  /// The place for a request: the one that holds most of its prompt, else the one that was not used
  /// for longest. There is one.
  [[nodiscard]] Choice choose(const PreparedRequest &prepared,
                              std::optional<std::size_t> chunk) const;

  /// A place whose content may go, the one not used for longest; none if all are empty but
  /// `except`.
  [[nodiscard]] std::optional<int> oldest(int except) const;

  /// The place now holds nothing.
  void clear(int slot);

  void take(int slot);
  void put(int slot, CacheContent content);

private:
  struct Idle {
    int slot = 0;
    CacheContent content;
  };

  std::vector<Idle> idle_; // those not used for longest first
};

} // namespace ppocrvl
