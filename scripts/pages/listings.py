# SPDX-License-Identifier: Apache-2.0
"""Program text: lines of different length and indent in a face of one width."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages.faces import advance

if TYPE_CHECKING:
    from pages.style import Column, Pen

DARK = (40, 44, 52)  # the shade of a terminal
SHAPES = (
    "{a} = {b}({c})",
    "if {a} == {n}:",
    "return {a} + {b}",
    "for {a} in {b}:",
    "def {a}({b}, {c}):",
    "# {a} {b} {c}",
    "{a}.{b}({c}, {n})",
    'print("{a} {b}")',
    "$ {a} --{b} {c}/{n}",
    "int {a} = {n};",
    "while ({a} < {n}) {{",
    "}}",
    "{a}[{n}] += {b}",
    "// {a} {b} {c} {d}",
    "import {a}",
    "{a}: {b}",
)


def code(pen: Pen, column: Column) -> bool:
    """A listing; in a third of the cases framed or on a shade, which then is its box."""
    rng, s = pen.rng, pen.style
    size = s.scaled(rng.choice((0.8, 0.9, 1)))
    line = size * rng.uniform(1.1, 1.35)
    boxed = rng.random() < 0.35
    pad = size * 0.6 if boxed else 0.0
    count = min(
        rng.choice((2, 3, 4, 5, 6, 8, 10, 14, 20)), int((column.height - 2 * pad - size) / line)
    )
    em = advance(s.mono, size, "m")
    if count < 2 or column.width < 16 * em:
        return False
    top = column.y + size * 0.3
    left = column.x + (pad if boxed else size * rng.choice((0, 1, 2)))
    fits = int((column.x + column.width - pad - left) / em)
    numbered, indent = rng.random() < 0.2, 0
    with pen.sheet.region("algorithm") as region:
        box = (column.x, top, column.x + column.width, top + 2 * pad + count * line)
        ink = s.ink
        if boxed and rng.random() < 0.5:
            shade = rng.choice(((235, 235, 235), (245, 245, 240), DARK))
            pen.sheet.fill(box, shade)
            ink = (225, 225, 220) if shade == DARK else ink
        elif boxed:
            pen.sheet.frame(box, ink)
        for i in range(count):
            words = {k: pen.topic.word().lower()[:9] for k in "abcd"}
            said = rng.choice(SHAPES).format(**words, n=rng.randint(0, 99))
            said = (f"{i + 1:2} " if numbered else "") + " " * indent + said
            said = said[:fits]
            region.lines.append(said)
            baseline = top + pad + (i + 0.75) * line
            for word, at in _words(said):
                pen.sheet.word(left + at * em, baseline, word, (s.mono, size), ink)
            indent = max(0, min(8, indent + rng.choice((-2, 0, 0, 2))))
    column.y = top + 2 * pad + count * line + s.size * rng.uniform(0.4, 1.0)
    return True


def _words(line: str) -> list[tuple[str, int]]:
    """The words of a line and the places of their first characters."""
    out, at = [], 0
    for word in line.split(" "):
        if word:
            out.append((word, at))
        at += len(word) + 1
    return out
