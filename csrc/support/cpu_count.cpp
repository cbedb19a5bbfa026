// SPDX-License-Identifier: Apache-2.0
#include "support/cpu_count.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace ppocrvl {

int useful_threads(std::uint64_t weight_bytes, int cores) {
  constexpr std::uint64_t bytes_per_thread = 16 << 20;
  const auto paying = std::max<std::uint64_t>(weight_bytes / bytes_per_thread, 1);
  return static_cast<int>(std::min(paying, static_cast<std::uint64_t>(std::max(cores, 1))));
}

#if defined(__linux__)

namespace {

/// Of this process; none where the kernel does not say.
std::optional<cpu_set_t> allowed_processors() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) {
    return std::nullopt;
  }
  return allowed;
}

int allowed_cores(const cpu_set_t &allowed) {
  int unlisted = 0;
  std::set<std::string> cores; // hyper-threads of one core share this text
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) {
      continue;
    }
    std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                       "/topology/thread_siblings_list");
    std::string siblings;
    if (std::getline(file, siblings)) {
      cores.insert(siblings);
    } else {
      ++unlisted;
    }
  }
  return static_cast<int>(cores.size()) + unlisted;
}

/// At most the CPUs that the control group (version 2) grants, and at least one.
int within_quota(int n_cpus) {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  double quota = 0.0;
  double period = 0.0;
  // The first word is "max" where there is no limit.
  if (file >> quota >> period && period > 0.0 && quota > 0.0) {
    n_cpus = std::min(n_cpus, static_cast<int>(std::ceil(quota / period)));
  }
  return std::max(n_cpus, 1);
}

int all_processors() { return static_cast<int>(std::thread::hardware_concurrency()); }

} // namespace

int usable_physical_cores() {
  const std::optional<cpu_set_t> allowed = allowed_processors();
  return within_quota(allowed ? allowed_cores(*allowed) : all_processors());
}

int usable_processors() {
  const std::optional<cpu_set_t> allowed = allowed_processors();
  return within_quota(allowed ? CPU_COUNT(&*allowed) : all_processors());
}

#elif defined(__APPLE__)

int usable_physical_cores() {
  int cores = 0;
  std::size_t size = sizeof(cores);
  // The fast cores of Apple silicon; Intel machines know only the second name.
  for (const char *name : {"hw.perflevel0.physicalcpu", "hw.physicalcpu"}) {
    if (sysctlbyname(name, &cores, &size, nullptr, 0) == 0 && cores > 0) {
      return cores;
    }
  }
  return 1;
}

int usable_processors() {
  return std::max(static_cast<int>(std::thread::hardware_concurrency()), 1);
}

#else

int usable_physical_cores() {
  return std::max(static_cast<int>(std::thread::hardware_concurrency()) / 2, 1);
}

int usable_processors() {
  return std::max(static_cast<int>(std::thread::hardware_concurrency()), 1);
}

#endif

} // namespace ppocrvl
