# SPDX-License-Identifier: Apache-2.0
"""Where the llama.cpp source comes from: the order of the ways, and that each is verified."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.build.conftest import Provider

pytestmark = pytest.mark.build

PIN = json.loads((Path(__file__).parents[2] / "third_party/llama.cpp/pin.json").read_text())


def words(text: str) -> str:
    """CMake wraps its messages; the wording does not depend on where."""
    return " ".join(text.split())


def test_pin_is_well_formed() -> None:
    assert re.fullmatch(r"[0-9a-f]{40}", PIN["commit"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", PIN["date"])
    assert PIN["repository"].startswith("https://")
    sdist = PIN["sdist"]
    stem = f"{sdist['name'].replace('-', '_')}-{sdist['version']}"
    assert sdist["file"] == f"{stem}.tar.gz"
    assert sdist["directory"].startswith(f"{stem}/")
    for digest in (sdist["sha256"], PIN["tree"]["sha256"]):
        assert re.fullmatch(r"[0-9a-f]{64}", digest)
    paths = PIN["tree"]["paths"]
    assert paths == sorted(set(paths))
    assert {"CMakeLists.txt", "LICENSE", "ggml", "include", "src", "tools/mtmd"} <= set(paths)
    assert not any(path.startswith(("/", ".")) or ".." in path for path in paths)


def test_pip_provides_only_the_wanted_files(provider: Provider) -> None:
    provider.break_git()
    result = provider.run()
    assert result.returncode == 0, result.stderr
    assert "(from pip, verified)" in result.stdout
    assert provider.kept() == [provider.tree.name]
    assert sorted(p.name for p in provider.tree.iterdir()) == ["CMakeLists.txt", "LICENSE", "src"]


def test_git_is_asked_when_pip_has_nothing(provider: Provider) -> None:
    provider.break_pip()
    result = provider.run()
    assert result.returncode == 0, result.stderr
    assert "(from git, verified)" in result.stdout
    assert provider.kept() == [provider.tree.name]
    assert not (provider.tree / ".git").exists()


def test_cached_tree_needs_neither_pip_nor_git(provider: Provider) -> None:
    assert provider.run().returncode == 0
    provider.break_pip()
    provider.break_git()
    result = provider.run()
    assert result.returncode == 0, result.stderr
    assert f"{provider.tree} (verified)" in result.stdout


def test_own_tree_comes_first_and_the_cache_stays_empty(provider: Provider) -> None:
    assert provider.run().returncode == 0
    result = provider.run(PPOCRVL_LLAMA_CPP_DIR=provider.repository)
    assert result.returncode == 0, result.stderr
    assert f"{provider.repository} (verified)" in result.stdout


def test_own_tree_may_hold_hidden_files_and_bytecode(provider: Provider) -> None:
    for name in ("src/.cache/x", "src/__pycache__/a.pyc"):
        (provider.repository / name).parent.mkdir()
        (provider.repository / name).write_text("x")
    assert provider.run(PPOCRVL_LLAMA_CPP_DIR=provider.repository).returncode == 0


@pytest.mark.parametrize("change", ["edit", "add", "remove", "rename"])
def test_changed_own_tree_is_refused(provider: Provider, change: str) -> None:
    source = provider.repository / "src" / "a.cpp"
    if change == "edit":
        source.write_text("int a = 1;\n")
    elif change == "add":
        (source.parent / "c.cpp").write_text("")
    elif change == "remove":
        source.unlink()
    else:
        source.rename(source.with_name("z.cpp"))
    result = provider.run(PPOCRVL_LLAMA_CPP_DIR=provider.repository)
    assert result.returncode != 0
    message = words(result.stderr)
    assert "is not the pinned source" in message
    assert f"expected tree hash {provider.pin['tree']['sha256']}" in message
    assert "-DPPOCRVL_LLAMA_CPP_UNVERIFIED=ON" in message

    result = provider.run(
        PPOCRVL_LLAMA_CPP_DIR=provider.repository, PPOCRVL_LLAMA_CPP_UNVERIFIED="ON"
    )
    assert result.returncode == 0
    assert "is used unverified" in words(result.stderr)


def test_own_tree_must_be_a_source_tree(provider: Provider) -> None:
    result = provider.run(PPOCRVL_LLAMA_CPP_DIR=provider.index)
    assert result.returncode != 0
    assert "holds no llama.cpp source" in words(result.stderr)


def test_changed_cached_tree_is_replaced(provider: Provider) -> None:
    assert provider.run().returncode == 0
    source = provider.tree / "src" / "a.cpp"
    original = source.read_text()
    source.write_text("int a = 1;\n")
    result = provider.run()
    assert result.returncode == 0, result.stderr
    assert "was changed after it was unpacked" in words(result.stderr)
    assert source.read_text() == original


def test_archive_with_another_hash_stops_the_build(provider: Provider) -> None:
    provider.pin["sdist"]["sha256"] = "0" * 64
    result = provider.run()
    assert result.returncode != 0
    message = words(result.stderr)
    assert "is not the pinned archive" in message
    assert f"expected SHA-256 {'0' * 64}" in message
    assert "python -m pip config list" in message
    assert "-DPPOCRVL_LLAMA_CPP_DIR=<path>" in message
    assert not provider.tree.exists()


@pytest.mark.parametrize("way", ["pip", "git"])
def test_fetched_tree_with_another_hash_stops_the_build(provider: Provider, way: str) -> None:
    provider.pin["tree"]["sha256"] = "0" * 64
    if way == "git":
        provider.break_pip()
    result = provider.run()
    assert result.returncode != 0
    assert f"the source fetched by {way} is not the pinned one" in words(result.stderr)
    assert provider.kept() == []


def test_no_way_to_the_source_says_what_to_do(provider: Provider) -> None:
    provider.break_pip()
    provider.break_git()
    result = provider.run()
    assert result.returncode != 0
    message = words(result.stderr)
    assert f"{provider.pin['commit']} could not be provided" in message
    assert "pip download ppocrvl-pretended-source==1.0 failed" in message
    assert "git fetch of" in message
    assert "-DPPOCRVL_LLAMA_CPP_DIR=<path>" in message
    assert "-C cmake.define.PPOCRVL_LLAMA_CPP_DIR=<path>" in message
    assert provider.kept() == []


HOLD_LOCK = """\
import fcntl, sys
with open(sys.argv[1], "w") as lock:
    fcntl.lockf(lock, fcntl.LOCK_EX)
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_build_waits_for_another_one(provider: Provider) -> None:
    provider.cache.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_LOCK, f"{provider.tree}.lock"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with provider.start() as waiting:
            assert waiting.stdout is not None
            assert "another build holds" in waiting.stdout.readline()
            assert provider.kept() == []
            holder.communicate("let go\n")
            _, errors = waiting.communicate()
    assert waiting.returncode == 0, errors
    assert provider.tree.is_dir()
