// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Memory and threads that can be had or not, as a test says, for all code of the program but that
/// of shared libraries.
namespace failing_memory {

/// From now on counts what is asked for (memory, threads), and refuses `count` of
/// them from the one at `first` on, which counts from 0. Takes back what was said before.
void refuse(long first, long count);

/// Refuses nothing, and gives how many were asked for since `refuse`.
long stop();

/// While it lives, nothing that this thread asks for is refused or counted.
class Pardon {
public:
  Pardon();
  Pardon(const Pardon &) = delete;
  Pardon &operator=(const Pardon &) = delete;
  ~Pardon();
};

/// Whether anything was refused since `refuse`.
bool refused();

} // namespace failing_memory
