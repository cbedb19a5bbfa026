# SPDX-License-Identifier: Apache-2.0
"""An answer as HTML: lines, tables, formulas.

All text is escaped and all tags are ours, whatever stood in the picture.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from ppocrvl.markup.formula import bare, to_mathml
from ppocrvl.markup.otsl import read_otsl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ppocrvl.requests.results import Line, Result

# A formula within a line. So long at most, so that a line of opening brackets takes no time.
_INLINE = re.compile(r"\\\((.{1,1000}?)\\\)|\\\[(.{1,1000}?)\\\]")

# A text and where it stands: four corners, clockwise from the upper left, x and y of each in
# thousandths of the picture. Or what is left, without a place.
_PLACED = re.compile(r"(.*?)((?:<\|LOC_\d{1,4}\|>){8})|(.+)")
_NUMBER = re.compile(r"\d+")


def result_html(result: Result) -> str:
    """The answer as `<div>` elements with the confidence of what they hold as `data-confidence`.

    A table or a formula is one element; of other answers each line is one. What is not
    what the task asked for is shown as lines. A text with its place (task "spotting") has the
    corners as `data-place`, as SVG's polygons have them: thousandths of the picture.
    """
    make = {"table": table_html, "chart": chart_html, "formula": _formula}.get(result.task)
    whole = make(result.text) if make is not None else None
    if whole is not None:
        return _block(whole, result.confidence)
    show = _placed if result.task == "spotting" else _line
    return "".join(show(line) for line in result.lines)


def _block(html: str, confidence: float, attributes: str = "") -> str:
    return f'<div data-confidence="{confidence:.3f}"{attributes}>{html}</div>'


def _line(line: Line) -> str:
    return _block(_inline(line.text), line.confidence)


def _placed(line: Line) -> str:
    blocks = []
    for text, place, rest in _PLACED.findall(line.text):
        corners = " ".join(_NUMBER.findall(place))
        attributes = f' data-place="{corners}"' if place else ""
        blocks.append(_block(_inline(text or rest), line.confidence, attributes))
    return "".join(blocks)


def _inline(text: str) -> str:
    """Text, with the formulas in it."""
    parts, end = [], 0
    for found in _INLINE.finditer(text):
        inside = found[1] or found[2]
        math = to_mathml(inside.strip(), block=False)
        parts += [escape(text[end : found.start()]), math or escape(found[0])]
        end = found.end()
    return "".join([*parts, escape(text[end:])]).replace("\n", "<br>")


def _formula(text: str) -> str:
    latex = bare(text)
    return to_mathml(latex, block=True) or f"<pre><code>{escape(latex)}</code></pre>"


def table_html(text: str) -> str | None:
    """A table in OTSL as `<table>`; None where the text holds none."""
    cells = read_otsl(text)
    if not cells:
        return None
    rows: list[list[str]] = [[] for _ in range(max(cell.row + cell.row_span for cell in cells))]
    for cell in cells:
        spans = _span("rowspan", cell.row_span) + _span("colspan", cell.column_span)
        rows[cell.row].append(f"<td{spans}>{_inline(cell.text)}</td>")
    return _rows(rows)


def _span(name: str, number: int) -> str:
    return f' {name}="{number}"' if number > 1 else ""


def chart_html(text: str) -> str | None:
    """A chart, which the model writes as lines of cells with `|` between them, the first a head.

    None where the text holds none.
    """
    lines = [line.split("|") for line in text.strip().split("\n")]
    if len(lines[0]) < 2:
        return None
    tags = ["th", *["td"] * (len(lines) - 1)]
    return _rows(
        [f"<{tag}>{_inline(cell.strip())}</{tag}>" for cell in line]
        for tag, line in zip(tags, lines, strict=True)
    )


def _rows(rows: Iterable[list[str]]) -> str:
    inside = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f"<table>{inside}</table>"
