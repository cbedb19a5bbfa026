// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace ppocrvl {

/// Physical cores that this process may use: bounded by affinity and by the container's CPU quota.
/// More threads than that slow ggml down, because its threads wait for each other by spinning.
int usable_physical_cores();

/// Threads that this process may run at once, hyper-threads counted; bounded as above. Never
/// compute with more: those that wait spin on the CPUs that the others need.
int usable_processors();

/// Threads that pay for a file of weights: one for each 16 MiB, at most `cores`, at least one.
/// ggml's threads meet after every node of the graph; with little to do between, and worse with
/// other work on the machine, that waiting costs far more than the second thread brings.
int useful_threads(std::uint64_t weight_bytes, int cores);

} // namespace ppocrvl
