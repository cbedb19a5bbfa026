# SPDX-License-Identifier: Apache-2.0
"""The figures of an examination, and the Markdown tables that docs/tiny-model.md shows."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from ppocrvl.evaluation.metrics import cell_hits, teds
from tiny import data

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tiny.exam import Case

SURE = 0.9  # docs/usage.md: what is read with a least confidence below this is to be looked at
HEAD = (
    "set",
    "pictures",
    "characters",
    "character error rate",
    "without error",
    "sure of",
    "cells right",
    "TEDS",
)


def rate(some: list[Case]) -> float:
    """Character error rate over cases."""
    return sum(c.errors for c in some) / max(1, sum(len(c.truth) for c in some))


def summary(cases: list[Case]) -> dict[str, Any]:
    """All figures of a set: overall, by face, by size."""
    out: dict[str, Any] = {
        "pictures": len(cases),
        "characters": sum(len(c.truth) for c in cases),
        "cer": round(rate(cases), 4),
        "exact": round(sum(c.errors == 0 for c in cases) / max(1, len(cases)), 4),
        "sure": round(sum(c.least >= SURE for c in cases) / max(1, len(cases)), 4),
    }
    if cases and cases[0].prompt == data.TABLE:
        hits = [cell_hits(c.read, c.truth) for c in cases]
        out["cells"] = sum(n for _, n in hits)
        out["cell_accuracy"] = round(sum(h for h, _ in hits) / max(1, out["cells"]), 4)
        scores = [score for c in cases if (score := teds(c.read, c.truth)) is not None]
        out["teds"] = round(sum(scores) / max(1, len(scores)), 4)
    groups: tuple[tuple[str, Callable[[Case], str]], ...] = (
        ("fonts", lambda c: c.font),
        ("sizes", lambda c: f"{c.size // 8 * 8}-{c.size // 8 * 8 + 7}"),
    )
    for key, group in groups:
        parts: dict[str, list[Case]] = defaultdict(list)
        for c in cases:
            parts[group(c)].append(c)
        out[key] = {
            k: {"pictures": len(v), "cer": round(rate(v), 4)} for k, v in sorted(parts.items())
        }
    return out


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    lines = [list(head)]
    lines.append(["---"] * len(lines[0]))
    lines.extend(list(row) for row in rows)
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def percent(share: float) -> str:
    """A share with one decimal."""
    return f"{100 * share:.1f} %"


def _row(name: str, v: dict[str, Any]) -> list[str]:
    cells = f"{percent(v['cell_accuracy'])} of {v['cells']}" if "cells" in v else ""
    return [
        name,
        str(v["pictures"]),
        str(v["characters"]),
        percent(v["cer"]) if v["characters"] else "",
        percent(v["exact"]),
        percent(v["sure"]),
        cells,
        f"{v['teds']:.3f}" if "teds" in v else "",
    ]


def row(name: str, figures: dict[str, Any]) -> str:
    """A set's line of the table."""
    return " | ".join(_row(name, figures))


def markdown(figures: dict[str, Any]) -> str:
    """Tables of all sets, and of their faces and sizes."""
    parts = [table(HEAD, (_row(name, v) for name, v in figures.items()))]
    for key in ("fonts", "sizes"):
        rows = (
            (name, k, str(v["pictures"]), percent(v["cer"]))
            for name, figures_ in figures.items()
            for k, v in figures_[key].items()
        )
        parts.append(table(("set", key[:-1], "pictures", "character error rate"), rows))
    return "\n".join(parts)
