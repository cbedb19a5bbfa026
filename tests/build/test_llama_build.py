# SPDX-License-Identifier: Apache-2.0
"""llama.cpp is compiled once per set of options, whole or not at all."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.build.conftest import Provider

pytestmark = pytest.mark.build

PROJECT = """\
cmake_minimum_required(VERSION 3.24)
project(user C CXX)
include("{scripts}/build.cmake")
ppocrvl_llama_build(libraries prefix)
message(STATUS "prefix=${{prefix}}")
"""
RECIPE = """\
cmake_minimum_required(VERSION 3.24)
project(recipe C CXX)
add_custom_target(ppocrvl_wanted COMMAND {command})
install(FILES "${{LLAMA_SOURCE_DIR}}/src/a.cpp" DESTINATION lib COMPONENT ppocrvl)
"""


class Project:
    """A project that builds its 'llama.cpp' by a recipe that takes no time."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        (provider.home / "scripts" / "pin.json").write_text(json.dumps(provider.pin))
        self.write_recipe("${CMAKE_COMMAND} -E true")

    def write_recipe(self, command: str) -> None:
        recipe = self.provider.home / "scripts" / "libraries" / "CMakeLists.txt"
        recipe.write_text(RECIPE.format(command=command))

    def configure(self, folder: str, *options: str) -> subprocess.CompletedProcess[str]:
        source = self.provider.home / folder
        source.mkdir(exist_ok=True)
        scripts = (self.provider.home / "scripts").as_posix()
        (source / "CMakeLists.txt").write_text(PROJECT.format(scripts=scripts))
        command = ["cmake", "-S", str(source), "-B", str(source / "build"), *options]
        command += [f"-DPPOCRVL_LLAMA_CPP_DIR={self.provider.repository}"]
        environment = os.environ | {"PPOCRVL_CACHE_DIR": str(self.provider.cache)}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=600
        )

    def prefix(self, folder: str, *options: str) -> Path:
        result = self.configure(folder, *options)
        assert result.returncode == 0, result.stdout + result.stderr
        found = re.search(r"prefix=(.+)", result.stdout)
        assert found
        return Path(found[1])


@pytest.fixture
def project(provider: Provider) -> Project:
    return Project(provider)


def test_second_project_uses_what_the_first_built(project: Project) -> None:
    prefix = project.prefix("first")
    built = (prefix / "lib" / "a.cpp").stat()
    result = project.configure("second")
    assert f"using {prefix}" in result.stdout
    assert "compiling" not in result.stdout
    assert (prefix / "lib" / "a.cpp").stat() == built
    assert project.provider.kept() == [prefix.name]


def test_key_follows_what_changes_the_result(project: Project) -> None:
    release = project.prefix("first", "-DCMAKE_BUILD_TYPE=Release")
    variants = [
        ["-DCMAKE_BUILD_TYPE=RelWithDebInfo"],
        ["-DCMAKE_BUILD_TYPE=Release", "-DGGML_BLAS=ON"],
        ["-DCMAKE_BUILD_TYPE=Release", "-DGGML_NATIVE=OFF"],
        ["-DCMAKE_BUILD_TYPE=Release", "-DPPOCRVL_SANITIZE=address"],
        ["-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_FLAGS=-O1"],
    ]
    prefixes = [project.prefix(f"variant{i}", *options) for i, options in enumerate(variants)]
    assert len({release, *prefixes}) == 1 + len(variants)


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make: apt-get install make")
def test_key_ignores_generator_and_debug(project: Project) -> None:
    make = project.prefix("make", "-G", "Unix Makefiles", "-DCMAKE_BUILD_TYPE=Release")
    assert project.prefix("ninja", "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug") == make


def test_key_follows_the_recipe(project: Project) -> None:
    first = project.prefix("first")
    project.write_recipe("${CMAKE_COMMAND} -E echo other")
    assert project.prefix("second") != first


@pytest.mark.skipif(
    not (shutil.which("cc") and shutil.which("gcc")), reason="needs one compiler under two names"
)
def test_key_ignores_what_the_compiler_is_called(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefixes = set()
    for name in ("cc", "gcc"):
        monkeypatch.setenv("CC", name)
        prefixes.add(project.prefix(name))
    same = Path(str(shutil.which("cc"))).resolve() == Path(str(shutil.which("gcc"))).resolve()
    assert len(prefixes) == (1 if same else 2)


def test_key_follows_a_source_of_ones_own(project: Project) -> None:
    pinned = project.prefix("first")
    (project.provider.repository / "src" / "a.cpp").write_text("int a = 1;\n")
    other = project.prefix("second", "-DPPOCRVL_LLAMA_CPP_UNVERIFIED=ON")
    assert other != pinned
    assert (other / "lib" / "a.cpp").read_text() == "int a = 1;\n"


def test_failed_build_leaves_nothing_that_looks_finished(project: Project) -> None:
    project.write_recipe("${CMAKE_COMMAND} -E false")
    result = project.configure("first")
    assert result.returncode != 0
    assert "the build step of its libraries failed" in " ".join(result.stderr.split())
    assert all(name.endswith(".part") for name in project.provider.kept())

    project.write_recipe("${CMAKE_COMMAND} -E true")
    assert project.prefix("first").is_dir()


def test_destdir_does_not_move_the_cache(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTDIR", str(project.provider.home / "image"))
    assert (project.prefix("first") / "lib" / "a.cpp").is_file()
