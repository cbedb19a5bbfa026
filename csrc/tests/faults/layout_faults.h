// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace ppocrvl::test {

/// Loads layout models and reads pages with them while memory or threads are refused, at the places
/// that the numbers from `first` to `first + count - 1` stand for. Throws if one does not read as
/// before afterwards, or with an error of the wrong kind.
void meet_layout_faults(long first, long count);

} // namespace ppocrvl::test
