// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace ppocrvl {

/// How many rows of prompts go with a step of those that decode. The promise is that no step waits
/// more than 100 ms for a prompt, so what the rows add to a step is learned from the steps.
class ChunkSize {
public:
  // What rows may add to a step, in seconds; the estimate is not perfect.
  static constexpr double target = 0.08;
  // However few they are, a step's products change from those of single tokens to those of many.
  static constexpr int smallest = 32;

  /// Between `smallest` and `largest`.
  [[nodiscard]] int rows(int largest) const;

  /// A step took `seconds` with so many rows of prompts.
  void note(int prompt_rows, double seconds);

private:
  // Running means; zero before the first.
  double plain_ = 0.0;   // seconds of a step without prompts
  double per_row_ = 0.0; // seconds that a row adds
};

} // namespace ppocrvl
