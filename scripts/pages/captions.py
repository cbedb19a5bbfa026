# SPDX-License-Identifier: Apache-2.0
"""The line or lines that name a figure or a table, and the note that may stand below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages.prose import Setting, wrap, write

if TYPE_CHECKING:
    from pages.style import Column, Pen

NAMES = {
    "figure": ("Figure {}:", "Figure {}.", "Fig. {}.", "FIGURE {}", "Fig. {}", "Plate {}.", "{}."),
    "chart": ("Figure {}:", "Figure {}.", "Fig. {}.", "Chart {}:", "Figure {}"),
    "table": ("Table {}:", "Table {}.", "TABLE {}", "Tab. {}.", "Table {}"),
}
NOTES = ("Note:", "Source:", "Sources:", "Notes:", "*", "a")


def caption(pen: Pen, column: Column, kind: str) -> bool:
    """``Figure 3: …``, one to three lines in a smaller size."""
    rng, s = pen.rng, pen.style
    face = (
        rng.choice((s.family.regular, s.family.regular, s.family.italic)),
        s.scaled(rng.choice((0.8, 0.9, 1))),
    )
    setting = Setting(face, s.ink, 1.2, rng.choice(("left", "centre", "centre")))
    number = rng.choice((str(rng.randint(1, 30)), f"{rng.randint(1, 9)}.{rng.randint(1, 9)}"))
    said = rng.choice(NAMES[kind]).format(number).split() if rng.random() < 0.9 else []
    said += pen.topic.words(rng.choice((2, 3, 4, 5, 6, 8, 10, 14, 20, 30)))
    lines = wrap(said, setting, column.width)[:4]
    if len(lines) * setting.line > column.height:
        return False
    with pen.sheet.region("figure_title") as region:
        write(pen, region, lines, column, setting)
    column.y += s.size * rng.uniform(0.3, 1.0)
    return True


def note(pen: Pen, column: Column) -> bool:
    """``Source: …`` below a table or figure."""
    rng, s = pen.rng, pen.style
    setting = Setting((s.family.regular, s.scaled(0.75)), s.ink, 1.2, "left")
    words = [rng.choice(NOTES), *pen.topic.words(rng.randint(3, 25))]
    lines = wrap(words, setting, column.width)[:3]
    if len(lines) * setting.line > column.height:
        return False
    with pen.sheet.region("vision_footnote") as region:
        write(pen, region, lines, column, setting)
    column.y += s.size * rng.uniform(0.5, 1.0)
    return True
