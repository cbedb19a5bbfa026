# SPDX-License-Identifier: Apache-2.0
"""The figures of an evaluation as the Markdown tables that docs/tiny-model.md shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

SIZED = ("lines, trained fonts", "lines, held-out fonts", "blocks, trained fonts")
LISTED = "lines, held-out fonts"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    lines = [list(head)]
    lines.append(["---"] * len(lines[0]))
    lines.extend(list(row) for row in rows)
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def percent(share: float) -> str:
    """A share with one decimal."""
    return f"{100 * share:.1f} %"


def markdown(figures: dict[str, Any]) -> str:
    """Tables of all sets, of the held-out faces, and by size."""
    sets = [
        (
            name,
            str(v["pictures"]),
            str(v["characters"]),
            percent(v["cer"]),
            percent(v["exact"]),
            f"{percent(v['cell_accuracy'])} of {v['cells']}" if "cells" in v else "",
        )
        for name, v in figures["sets"].items()
    ]
    faces = [
        (face.rsplit(".", 1)[0], str(v["pictures"]), percent(v["cer"]))
        for face, v in figures["fonts"][LISTED].items()
    ]
    sizes = sorted({size for name in SIZED for size in figures["sizes"][name]})
    by_size = [
        (
            name,
            *(
                percent(figures["sizes"][name][s]["cer"]) if s in figures["sizes"][name] else ""
                for s in sizes
            ),
        )
        for name in SIZED
    ]
    head = ("set", "pictures", "characters", "character error rate", "without error", "cells right")
    return "\n".join(
        (
            table(head, sets),
            table(("face", "pictures", "character error rate"), faces),
            table(("set", *sizes), by_size),
        )
    )
