# SPDX-License-Identifier: Apache-2.0
#
# For Linux on AArch64, compiled on another machine with the cross compiler that Debian and Ubuntu
# call g++-aarch64-linux-gnu, and run there by qemu's user mode. docs/building.md says how.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)

set(triple aarch64-linux-gnu)
set(CMAKE_C_COMPILER ${triple}-gcc)
set(CMAKE_CXX_COMPILER ${triple}-g++)

# Libraries and headers of the target's system only; programs of this one.
set(CMAKE_FIND_ROOT_PATH /usr/${triple})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# What runs the tests. PPOCRVL_EMULATED_CPU chooses the CPU: `max` has all that qemu can do,
# `cortex-a72` no more than the first AArch64 CPUs.
if(NOT DEFINED PPOCRVL_EMULATED_CPU)
  set(PPOCRVL_EMULATED_CPU max)
endif()
set(CMAKE_CROSSCOMPILING_EMULATOR
  qemu-aarch64-static -cpu ${PPOCRVL_EMULATED_CPU} -L /usr/${triple})
