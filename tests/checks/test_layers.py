# SPDX-License-Identifier: Apache-2.0
"""Nothing imports upwards: the floors are those that docs/ARCHITECTURE.md draws."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^#include "([a-z]+)/', re.MULTILINE)


def floors(name: str) -> dict[str, int]:
    """Of each room its floor, 0 the lowest, as the document's block of that name has them."""
    text = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    block = re.search(rf"^    {re.escape(name)}\n((?:      .+\n)+)", text, re.MULTILINE)
    assert block is not None
    lines = [line.split("  ·  ") for line in block[1].strip().splitlines()]
    return {room.strip(): floor for floor, line in enumerate(reversed(lines)) for room in line}


def imports(path: Path) -> Iterator[str]:
    """Rooms of the package that a module imports from, also where it does so late."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module == "ppocrvl":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            if node.module.startswith("ppocrvl."):
                yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (a.name.split(".")[1] for a in node.names if a.name.startswith("ppocrvl."))


def python_uses() -> Iterator[tuple[str, str, str]]:
    """(file, its room, a room that it uses), once each."""
    package = ROOT / "python" / "ppocrvl"
    for path in sorted(package.rglob("*.py")):
        inside = path.relative_to(package)
        if inside.name in {"__init__.py", "__main__.py"} and len(inside.parts) == 1:
            continue  # the public names, each imported when it is first used, and the program
        for used in sorted(set(imports(path)) - {"_native"}):
            yield str(inside), inside.parts[0].removesuffix(".py"), used


def cpp_uses() -> Iterator[tuple[str, str, str]]:
    source = ROOT / "csrc"
    rooms = {path.name for path in source.iterdir() if path.is_dir()}
    for path in sorted([*source.rglob("*.cpp"), *source.rglob("*.h")]):
        inside = path.relative_to(source)
        if inside.parts[0] not in {"tests", "stock"}:
            for used in sorted(set(INCLUDE.findall(path.read_text(encoding="utf-8"))) & rooms):
                yield str(inside), inside.parts[0], used


@pytest.mark.parametrize(
    ("block", "uses"),
    [("python/ppocrvl/", list(python_uses())), ("csrc/", list(cpp_uses()))],
)
def test_nothing_is_used_from_above(block: str, uses: list[tuple[str, str, str]]) -> None:
    floor = floors(block)
    assert len(uses) > 100  # the test reads what it thinks it reads
    assert {room for _, room, _ in uses} <= floor.keys()
    upwards = [
        f"{file} uses {used}"
        for file, room, used in uses
        if used != room and floor[used] >= floor[room]
    ]
    assert not upwards


@pytest.mark.parametrize("block", ["python/ppocrvl/", "csrc/"])
def test_every_room_is_drawn(block: str) -> None:
    left_out = {"__init__", "__main__", "__pycache__", "_native", "tests", "stock", "CMakeLists"}
    rooms = {path.name.split(".")[0] for path in (ROOT / block).iterdir()} - left_out
    assert floors(block).keys() == rooms - {"py"}
