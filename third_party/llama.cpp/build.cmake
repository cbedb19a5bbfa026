# SPDX-License-Identifier: Apache-2.0
#
# Compiles llama.cpp once per machine and set of options, outside of our own build tree:
#   <cache>/llama-libraries-<pin>-<key>/   static libraries and headers, imported by our targets
#   <cache>/llama-tools-<pin>-<key>/bin    upstream's own programs, and ours that shows what they
#                                          compute (PPOCRVL_BUILD_TOOLS)

include("${CMAKE_CURRENT_LIST_DIR}/source.cmake")
set(PPOCRVL_LLAMA_DIR "${CMAKE_CURRENT_LIST_DIR}")
cmake_path(SET PPOCRVL_STOCK_DIR NORMALIZE "${CMAKE_CURRENT_LIST_DIR}/../../csrc/stock")

# <out>: what -march=native means here, so that a cache shared by two machines never mixes them up.
function(ppocrvl_native_cpu out)
  file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/empty.c" "")
  foreach(flag -march=native -mcpu=native)
    execute_process(COMMAND "${CMAKE_C_COMPILER}" ${flag} -dM -E "${CMAKE_CURRENT_BINARY_DIR}/empty.c"
                    RESULT_VARIABLE result OUTPUT_VARIABLE macros ERROR_QUIET)
    if(result EQUAL 0)
      set(${out} "${macros}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
  cmake_host_system_information(RESULT cpu QUERY PROCESSOR_DESCRIPTION)
  set(${out} "${cpu}" PARENT_SCOPE)
endfunction()

# <out>: in one line, what was chosen about the build of llama.cpp (`ppocrvl doctor` shows it).
function(ppocrvl_llama_settings out)
  get_cmake_property(cached CACHE_VARIABLES)
  list(FILTER cached INCLUDE REGEX "^GGML_")
  set(settings "")
  foreach(name IN LISTS cached)
    list(APPEND settings "${name}=${${name}}")
  endforeach()
  if(PPOCRVL_SANITIZE)
    list(APPEND settings "sanitize=${PPOCRVL_SANITIZE}")
  endif()
  list(JOIN settings " " line)
  set(${out} "${line}" PARENT_SCOPE)
endfunction()

# <out>: an initial cache for the sub-build. It is also what the key is made of, so nothing may stand
# in it that does not change the result (the generator and ninja's path, for example).
function(ppocrvl_llama_options out)
  set(names CMAKE_TOOLCHAIN_FILE CMAKE_CUDA_COMPILER CMAKE_CUDA_ARCHITECTURES
            CMAKE_CUDA_HOST_COMPILER CUDAToolkit_ROOT
            CMAKE_OSX_ARCHITECTURES CMAKE_OSX_DEPLOYMENT_TARGET CMAKE_OSX_SYSROOT)
  get_cmake_property(cached CACHE_VARIABLES)
  list(FILTER cached INCLUDE REGEX "^GGML_")
  list(SORT cached)
  set(text "")
  foreach(name IN LISTS names cached)
    if(NOT "${${name}}" STREQUAL "")
      string(APPEND text "set(${name} [==[${${name}}]==] CACHE STRING \"\")\n")
    endif()
  endforeach()
  # A debug build of our code links the optimised libraries: unoptimised kernels take minutes for one
  # picture. MSVC cannot mix the two run-time libraries.
  set(build_type "${CMAKE_BUILD_TYPE}")
  if(build_type STREQUAL "" OR (build_type STREQUAL "Debug" AND NOT MSVC))
    set(build_type Release)
  endif()
  foreach(lang C CXX)
    set(flags "${CMAKE_${lang}_FLAGS}")
    if(PPOCRVL_SANITIZE)
      string(APPEND flags " -fsanitize=${PPOCRVL_SANITIZE} -fno-omit-frame-pointer")
    endif()
    string(APPEND text "set(CMAKE_${lang}_FLAGS [==[${flags}]==] CACHE STRING \"\")\n")
  endforeach()
  string(APPEND text "set(CMAKE_BUILD_TYPE ${build_type} CACHE STRING \"\")\n")
  set(${out} "${text}" PARENT_SCOPE)
endfunction()

# Builds the project in <kind>/ (its component `ppocrvl`) into the cache, unless it is there.
# <out>: the finished folder. Its name appears only when it is complete.
function(ppocrvl_llama_build kind out)
  ppocrvl_llama_options(options)
  # A verified source is the pinned commit, wherever it lies; any other is known by its hash.
  set(version "${PPOCRVL_LLAMA_COMMIT}")
  set(source "")
  if(PPOCRVL_LLAMA_CPP_DIR)
    ppocrvl_llama_source(source hash)
    string(JSON pinned GET "${PPOCRVL_PIN}" tree sha256)
    if(NOT hash STREQUAL pinned)
      set(version "${hash}")
    endif()
  endif()
  file(SHA256 "${PPOCRVL_LLAMA_DIR}/${kind}/CMakeLists.txt" recipe)
  if(kind STREQUAL "tools")
    file(SHA256 "${PPOCRVL_STOCK_DIR}/stock_stages.cpp" program)
    string(APPEND recipe " ${program}")
  endif()
  file(SHA256 "${PPOCRVL_LLAMA_DIR}/options.cmake" common)
  set(identity "${options}\n${version}\n${recipe}\n${common}\n${CMAKE_SYSTEM_NAME} ${CMAKE_SYSTEM_PROCESSOR}\n")
  foreach(lang C CXX)
    # By its real path: pip's build calls the compiler gcc that CMake by itself calls cc.
    file(REAL_PATH "${CMAKE_${lang}_COMPILER}" compiler)
    string(APPEND identity "${compiler} ${CMAKE_${lang}_COMPILER_ID} "
                           "${CMAKE_${lang}_COMPILER_VERSION}\n")
  endforeach()
  if(NOT DEFINED GGML_NATIVE OR GGML_NATIVE)
    ppocrvl_native_cpu(cpu)
    string(APPEND identity "${cpu}")
  endif()
  string(SHA256 key "${identity}")
  string(SUBSTRING "${key}" 0 16 key)
  ppocrvl_cache_dir(cache)
  set(prefix "${cache}/llama-${kind}-${PPOCRVL_LLAMA_PIN}-${key}")
  set(${out} "${prefix}" PARENT_SCOPE)

  if(EXISTS "${prefix}")
    message(STATUS "llama.cpp: using ${prefix}")
    return()
  endif()
  ppocrvl_lock("${prefix}")
  if(EXISTS "${prefix}") # made by the build we waited for
    message(STATUS "llama.cpp: using ${prefix}")
    return()
  endif()
  if(NOT source)
    ppocrvl_llama_source(source hash)
  endif()

  message(STATUS "llama.cpp: compiling its ${kind} once for this machine, some minutes: ${prefix}")
  set(work "${prefix}.part")
  file(REMOVE_RECURSE "${work}")
  file(WRITE "${work}/options.cmake" "${options}")
  if(NOT DEFINED ENV{CMAKE_BUILD_PARALLEL_LEVEL})
    cmake_host_system_information(RESULT cores QUERY NUMBER_OF_LOGICAL_CORES)
    set(parallel --parallel ${cores})
  endif()
  set(configuration Release)
  if(CMAKE_BUILD_TYPE)
    set(configuration "${CMAKE_BUILD_TYPE}")
  endif()
  foreach(step configure build install)
    if(step STREQUAL "configure")
      set(command "${CMAKE_COMMAND}" -S "${PPOCRVL_LLAMA_DIR}/${kind}" -B "${work}/build"
          -G "${CMAKE_GENERATOR}" -C "${work}/options.cmake"
          "-DCMAKE_C_COMPILER=${CMAKE_C_COMPILER}" "-DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}"
          "-DCMAKE_MAKE_PROGRAM=${CMAKE_MAKE_PROGRAM}" "-DLLAMA_SOURCE_DIR=${source}"
          "-DLLAMA_BUILD_COMMIT=${PPOCRVL_LLAMA_PIN}"
          "-DPPOCRVL_STOCK_DIR=${PPOCRVL_STOCK_DIR}" --no-warn-unused-cli)
    elseif(step STREQUAL "build")
      set(command "${CMAKE_COMMAND}" --build "${work}/build" --target ppocrvl_wanted
          --config ${configuration} ${parallel})
    else()
      set(command "${CMAKE_COMMAND}" -E env --unset=DESTDIR
          "${CMAKE_COMMAND}" --install "${work}/build" --prefix "${work}/prefix"
          --component ppocrvl --config ${configuration})
    endif()
    execute_process(COMMAND ${command} RESULT_VARIABLE result)
    if(NOT result EQUAL 0)
      message(FATAL_ERROR "llama.cpp: the ${step} step of its ${kind} failed (see above). "
                          "What was made so far is in ${work}/build.")
    endif()
  endforeach()
  file(WRITE "${work}/prefix/options.txt" "${identity}")
  file(RENAME "${work}/prefix" "${prefix}")
  file(REMOVE_RECURSE "${work}")
endfunction()
