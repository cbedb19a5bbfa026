# SPDX-License-Identifier: Apache-2.0
"""An answer as Markdown: lines, tables, formulas, as GitHub reads them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ppocrvl.markup.formula import bare
from ppocrvl.markup.html import chart_html, table_html
from ppocrvl.markup.otsl import read_otsl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ppocrvl.requests.results import Result

_INLINE = re.compile(r"\\\((.{1,1000}?)\\\)", re.DOTALL)  # as in html.py
_DISPLAYED = re.compile(r"\\\[(.{1,1000}?)\\\]", re.DOTALL)
_LOCATION = re.compile(r"<\|LOC_\d{1,4}\|>")


def result_markdown(result: Result) -> str:
    """The answer as Markdown, without a line break at its end.

    A table without spans is a pipe table whose first row is the head, as GitHub knows no other; one
    with spans is HTML, which Markdown may hold. A formula stands between `$$`. What is not what the
    task asked for, and every other answer, is text: each line ends as it ended in the picture, and
    places (task "spotting") are left out.
    """
    make = {"table": _table, "chart": _chart, "formula": _formula}.get(result.task)
    whole = make(result.text) if make is not None else None
    return whole if whole is not None else _lines(result.text)


def _lines(text: str) -> str:
    text = _LOCATION.sub("", text)
    text = _DISPLAYED.sub(lambda found: f"$${found[1].strip()}$$", text)
    text = _INLINE.sub(lambda found: f"${found[1].strip()}$", text)
    # Two spaces are a line break; a paragraph ends by itself.
    return re.sub(r"(?<=\S)\n(?=\S)", "  \n", text.strip())


def _formula(text: str) -> str:
    return f"$$\n{bare(text)}\n$$"


def _table(text: str) -> str | None:
    cells = read_otsl(text)
    if not cells:
        return None
    if any(cell.row_span > 1 or cell.column_span > 1 for cell in cells):
        return table_html(text)
    rows: list[list[str]] = [[] for _ in range(1 + max(cell.row for cell in cells))]
    for cell in cells:
        rows[cell.row].append(cell.text)
    return _pipes(rows)


def _chart(text: str) -> str | None:
    if chart_html(text) is None:
        return None
    rows = [line.split("|") for line in text.strip().split("\n")]
    width = max(map(len, rows))
    return _pipes([[*row, *[""] * (width - len(row))] for row in rows])


def _pipes(rows: Sequence[Sequence[str]]) -> str:
    head, *body = [f"| {' | '.join(map(_cell, row))} |" for row in rows]
    return "\n".join([head, f"|{' --- |' * len(rows[0])}", *body])


def _cell(text: str) -> str:
    text = _INLINE.sub(lambda found: f"${found[1].strip()}$", text.strip())
    return text.replace("|", r"\|").replace("\n", "<br>")
