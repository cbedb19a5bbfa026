# SPDX-License-Identifier: Apache-2.0
"""Documents of which a benchmark writes one part."""

from __future__ import annotations

from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"


def write_speed(name: str, lines: list[str], part: str = "speed", by: str | None = None) -> None:
    """Put lines into docs/NAME.md, between the marks of a part that name benchmarks/BY.py.

    Args:
        name: of the document.
        lines: what the part is to hold.
        part: its name.
        by: what measures it; None where that has the document's name.
    """
    path = DOCS / f"{name}.md"
    begin = f"<!-- {part}: written by benchmarks/{by or name}.py -->"
    end = f"<!-- end of {part} -->"
    before, rest = path.read_text(encoding="utf-8").split(begin)
    _, after = rest.split(end)
    path.write_text("\n".join([before + begin, "", *lines, "", end]) + after, encoding="utf-8")
