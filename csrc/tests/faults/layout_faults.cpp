// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/layout_faults.h"

#include "layout/layout_model.h"
#include "support/error.h"
#include "tests/faults/failing_memory.h"
#include "tests/layout_file.h"

#include <array>
#include <cstdint>
#include <iostream>
#include <memory>
#include <new>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace ppocrvl::test {
namespace {

using layout::LayoutModel;
using layout::PageRegions;
using layout::Region;

/// What `work` gives, or nothing if memory or threads were refused.
template <class Work> auto attempt(Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const Error &error) {
    if (error.kind() != ErrorKind::engine) {
      const failing_memory::Pardon pardon;
      throw std::logic_error(std::string("an error of the wrong kind: ") + error.what());
    }
    return {};
  } catch (const std::bad_alloc &) { // the binding's translator makes it an EngineError
    return {};
  }
}

class Subject {
public:
  explicit Subject(const std::string &bytes)
      : file_(bytes), pixels_(std::size_t{3} * 40 * 30, 100),
        asked_by_load_(count([this] { model_ = load(); })), expected_(read()),
        asked_by_reading_(count([this] { read(); })) {}

  void meet_fault(long number) {
    std::mt19937_64 random(static_cast<std::uint64_t>(number) + 1);
    const bool loads = number % 2 == 0;
    const long most = loads ? asked_by_load_ : asked_by_reading_;
    const long first = static_cast<long>(random() % static_cast<std::uint64_t>(most));
    if (loads) {
      model_.reset();
    }
    failing_memory::refuse(first, 1L << (random() % 4));
    if (loads) {
      model_ = load();
      n_failed_ += model_ == nullptr ? 1 : 0;
    } else {
      n_failed_ += read().empty() ? 1 : 0;
    }
    failing_memory::stop();
    if (model_ == nullptr) {
      model_ = load();
    }
    if (const std::vector<float> after = read(); after.empty() || after != expected_) {
      throw std::logic_error("after fault " + std::to_string(number) +
                             " a layout model does not read as before");
    }
  }

  [[nodiscard]] std::string asked() const {
    return std::to_string(asked_by_load_) + " times to load, " + std::to_string(asked_by_reading_) +
           " times to read";
  }
  [[nodiscard]] long n_failed() const { return n_failed_; }

private:
  template <typename Work> static long count(Work work) {
    failing_memory::refuse(0, 0);
    work();
    return failing_memory::stop();
  }

  std::unique_ptr<LayoutModel> load() {
    return attempt([this] { return std::make_unique<LayoutModel>(file_.path(), 2); });
  }

  /// All numbers of the regions.
  std::vector<float> read() {
    return attempt([this] {
      const PageRegions found =
          model_->run({pixels_.data(), 40, 30}, layout::LayoutOptions(), nullptr);
      const failing_memory::Pardon pardon;
      std::vector<float> numbers;
      for (const Region &region : found.regions) {
        numbers.insert(numbers.end(), region.box.begin(), region.box.end());
        numbers.push_back(static_cast<float>(region.order));
      }
      return numbers;
    });
  }

  tests::TemporaryFile file_;
  std::vector<std::uint8_t> pixels_;
  std::unique_ptr<LayoutModel> model_;
  long asked_by_load_;
  std::vector<float> expected_;
  long asked_by_reading_;
  long n_failed_ = 0;
};

} // namespace

void meet_layout_faults(long first, long count) {
  const std::array<std::string, 2> files = {
      tests::with_random_weights(tests::tiny_layout_with_masks(), 1),
      tests::with_random_weights(tests::tiny_layout_v2(), 2),
  };
  for (const std::string &file : files) {
    Subject subject(file);
    for (long number = first; number < first + count; ++number) {
      subject.meet_fault(number);
    }
    std::cerr << "asked for: " << subject.asked() << "; a layout model failed "
              << subject.n_failed() << " times\n";
  }
}

} // namespace ppocrvl::test
