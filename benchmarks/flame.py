# SPDX-License-Identifier: Apache-2.0
"""A flame graph of a program's native code, by Linux's perf: who called whom, and for how long.

The extension that pip installs has no symbols; this builds one that has them into a folder beside
the other files and runs the program with it.
"""

from __future__ import annotations

import os
import re
import site
import subprocess
import sys
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from model_files import ROOT, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

SAMPLES_A_SECOND = 49
STACK_BYTES = 16384
WIDTH, ROW, MARGIN = 1200, 17, 24
LEAST = 0.002  # narrower frames are left out
FRAME = re.compile(r"^\s+(?!f{16})[0-9a-f]+ (.+?)(?:\+0x[0-9a-f]+)? \((.*)\)$")


@dataclass
class Node:
    """A function, called from the one above.

    Attributes:
        samples: in which it was on the stack.
        called: what it called.
    """

    samples: int = 0
    called: dict[str, Node] = field(default_factory=dict)


def symbols(work: Path) -> Path:
    """A folder with our package whose extension names its functions."""
    folder = work / "symbols"
    if not (folder / "ppocrvl").exists():
        pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation"]
        keep = ["-C", "install.strip=false", "-C", "cmake.define.CMAKE_STRIP=/bin/true"]
        run([*pip, *keep, "--target", folder, ROOT])
    return folder


def short(name: str, file: str) -> str:
    """A function without its templates' and its own arguments, or where it is."""
    if file.startswith(("python", "libpython")):
        return "Python"
    if name == "[unknown]":
        return f"[{file.strip('[]')}]"
    name = name.replace("(anonymous namespace)::", "")
    before = ""
    while before != name:
        before, name = name, re.sub(r"<[^<>]*>", "", name)
    return name.split("(")[0]


def stacks(listing: str) -> Iterable[list[str]]:
    """The stacks in what `perf script` prints, outermost function first."""
    stack: list[str] = []
    for line in [*listing.splitlines(), ""]:
        frame = FRAME.match(line)
        if frame:
            name = short(frame[1], frame[2].rsplit("/", 1)[-1])
            if not stack or stack[-1] != name:
                stack.append(name)
        elif stack and not line.strip():
            yield stack[::-1]
            stack = []


def tree(samples: Iterable[Sequence[str]]) -> Node:
    """All stacks put together."""
    root = Node()
    for stack in samples:
        root.samples += 1
        node = root
        for name in stack:
            node = node.called.setdefault(name, Node())
            node.samples += 1
    return root


def draw(root: Node, title: str) -> str:
    """An SVG: a frame is as wide as its share of the samples, and stands on what called it."""
    frames: list[str] = []
    deepest = 0

    def place(node: Node, left: float, level: int) -> None:
        nonlocal deepest
        for name, child in sorted(node.called.items()):
            share = child.samples / root.samples
            if share < LEAST:
                continue
            deepest = max(deepest, level)
            wide = share * WIDTH
            hue = 20 + sum(name.encode()) % 35
            room = int(wide / 6.5)
            label = name if len(name) <= room else name[: max(0, room - 1)] + "…"
            text = f'<text x="{left + 2:.1f}" y="%Y{level}%">{escape(label)}</text>'
            frames.append(
                f'<g><title>{escape(name)}, {share:.1%}</title><rect x="{left:.1f}" '
                f'y="%R{level}%" width="{wide:.1f}" height="{ROW - 1}" '
                f'fill="hsl({hue} 80% 68%)"/>{text if room > 3 else ""}</g>'
            )
            place(child, left, level + 1)
            left += wide

    place(root, 0.0, 0)
    height = MARGIN + ROW * (deepest + 1)

    def row(match: re.Match[str]) -> str:
        top = height - ROW * (int(match[2]) + 1)
        return str(top if match[1] == "R" else top + 12)

    body = re.sub(r"%([RY])(\d+)%", row, "\n".join(frames))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="sans-serif" font-size="11"><text x="4" y="15" font-size="13">'
        f"{escape(title)}</text>\n{body}\n</svg>\n"
    )


def flame_graph(arguments: Sequence[str], work: Path, path: Path, title: str) -> None:
    """Runs Python with these arguments under perf and draws where it was.

    Raises:
        OSError: perf is not there, or saw nothing.
    """
    data = work / "perf.data"
    record = ["perf", "record", "-q", "-e", "cpu-clock:u", "-F", str(SAMPLES_A_SECOND)]
    record += ["--call-graph", f"dwarf,{STACK_BYTES}", "-o", str(data), "--"]
    record += [sys.executable, "-S", *arguments]  # without an editable install's own finder
    places = [str(symbols(work)), *site.getsitepackages()]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
    done = subprocess.run(record, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"perf record ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    script = ["perf", "script", "-i", str(data), "--no-inline", "-F", "comm,ip,sym,dso"]
    listing = subprocess.run(script, capture_output=True, text=True, check=False).stdout
    data.unlink()
    root = tree(stacks(listing))
    if root.samples == 0:
        raise OSError("perf saw no samples")
    aside = path.with_suffix(".part")
    aside.write_text(draw(root, f"{title}: {root.samples} samples"), encoding="utf-8")
    aside.replace(path)
