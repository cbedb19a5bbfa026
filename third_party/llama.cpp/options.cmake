# SPDX-License-Identifier: Apache-2.0
#
# Upstream's options, common to libraries/ and tools/. What the user set (GGML_CUDA, GGML_NATIVE=OFF,
# ...) is in the cache already and wins.

set(BUILD_SHARED_LIBS OFF)
set(LLAMA_BUILD_NUMBER 0)
foreach(option
    GGML_OPENMP=OFF # two OpenMP teams would fight when encoding and decoding overlap
    GGML_CCACHE=OFF
    GGML_ALL_WARNINGS=OFF
    LLAMA_ALL_WARNINGS=OFF
    LLAMA_OPENSSL=OFF
    LLAMA_BUILD_APP=OFF
    LLAMA_BUILD_EXAMPLES=OFF
    LLAMA_BUILD_TESTS=OFF
    LLAMA_TOOLS_INSTALL=OFF
    LLAMA_BUILD_UI=OFF
    LLAMA_USE_PREBUILT_UI=OFF) # no download of the server's web page
  string(REPLACE "=" ";" option "${option}")
  list(GET option 0 name)
  list(GET option 1 value)
  set(${name} ${value} CACHE BOOL "")
endforeach()
if(NOT CMAKE_CROSSCOMPILING)
  # Upstream switches it off where SOURCE_DATE_EPOCH is set, as some packaging tools do.
  set(GGML_NATIVE ON CACHE BOOL "")
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14
   AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  # amxtileintrin.h of GCC 12 tells the compiler that _tile_loadconfig reads 8 bytes, not 64, and the
  # rest is optimised away: on a CPU with AMX every quantized product dies of SIGSEGV.
  add_compile_options(-mno-amx-tile -mno-amx-int8 -mno-amx-bf16)
endif()
