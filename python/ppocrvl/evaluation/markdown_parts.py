# SPDX-License-Identifier: Apache-2.0
r"""What Markdown says: its parts as plain text, so that two ways to write the same are equal.

This reads what `Document.to_markdown` writes and what is usual elsewhere: headings with `#`, tables
with pipes or as HTML, formulas between dollar signs, fenced code, lists, emphasis, links. It is no
parser of CommonMark. Pictures, comments and other tags are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING, Literal, TypeAlias

from ppocrvl.document.joining import one_line
from ppocrvl.document.tables import read_table
from ppocrvl.markup.otsl import Cell

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PartKind: TypeAlias = Literal["heading", "text", "code", "table", "formula"]

_FENCE = re.compile(r"(`{3,}|~{3,})")
_HEADING = re.compile(r"#{1,6}(?:\s+|$)")
_CLOSING_MARKS = re.compile(r"\s+#+$")
_LIST_MARK = re.compile(r"[-+*•◦▪■□○●‣–►✓∙·](?:\s+|$)")  # noqa: RUF001 - a dash may be one
_PIPES_RULE = re.compile(r"\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?")
_CELL_END = re.compile(r"(?<!\\)\|")
_TAG = re.compile(r"\s*\\tag\{([^{}]*)\}$")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_INLINE = re.compile(
    r"\\(?P<escaped>[!-/:-@\[-`{-~])"
    r"|(?P<break>\\(?=\n)|<br\s*/?>)"
    r"|\$\$(?P<display>.+?)(?<!\\)\$\$"
    r"|\$(?P<formula>[^$]+?)(?<!\\)\$"
    r"|!\[[^\]]*\]\([^)]*\)"
    r"|(?<!!)\[(?P<link>[^\]]*)\]\([^)]*\)"
    r"|</?[A-Za-z][^>]*>"
    r"|(?P<entity>&#?[A-Za-z0-9]+;)"
    r"|\*{1,3}|~~|`+"
)


@dataclass(frozen=True, slots=True)
class MarkdownPart:
    """A heading, a paragraph or item, a listing, a table, a formula.

    Attributes:
        kind: which of them.
        text: plain, on one line; of a table its cells, of a formula its LaTeX and its number.
        cells: of a table.
    """

    kind: PartKind
    text: str
    cells: tuple[Cell, ...] = ()


def markdown_parts(markdown: str) -> list[MarkdownPart]:
    """The parts of a text in their order; those without text are left out."""
    lines = _COMMENT.sub("", markdown).splitlines()
    parts: list[MarkdownPart] = []
    at = 0
    while at < len(lines):
        end, part = _part(lines, at)
        if part is not None and part.text:
            parts.append(part)
        at = end
    return parts


def plain_text(parts: Sequence[MarkdownPart]) -> str:
    """All of it on one line."""
    return " ".join(part.text for part in parts)


def _part(lines: Sequence[str], at: int) -> tuple[int, MarkdownPart | None]:
    """The part that begins at a line, and where the next one does."""
    line = lines[at].strip()
    if not line:
        return at + 1, None
    if (fence := _FENCE.match(line)) is not None:
        end = _find(lines, at + 1, lambda one: one.strip().startswith(fence[1]))
        return end + 1, MarkdownPart("code", one_line("\n".join(lines[at + 1 : end])))
    if _HEADING.match(line):
        return at + 1, MarkdownPart("heading", _plain(_CLOSING_MARKS.sub("", line.lstrip("#"))))
    return _table_at(lines, at) or _paragraph(lines, at)


def _table_at(lines: Sequence[str], at: int) -> tuple[int, MarkdownPart | None] | None:
    line = lines[at].strip()
    if line.lower().startswith("<table"):
        end = min(_find(lines, at, lambda one: "</table>" in one.lower()) + 1, len(lines))
        return end, _html_table("\n".join(lines[at:end]))
    if "|" in line and at + 1 < len(lines) and _PIPES_RULE.fullmatch(lines[at + 1].strip()):
        end = _find(lines, at, lambda one: "|" not in one)
        return end, _pipe_table([line, *lines[at + 2 : end]])
    return None


def _paragraph(lines: Sequence[str], at: int) -> tuple[int, MarkdownPart]:
    """A paragraph, an item of a list, or a formula on its own."""
    end = _find(lines, at + 1, _begins_another)
    text = "\n".join(one.strip() for one in lines[at:end])
    if text.startswith("$$") and text.endswith("$$") and text.count("$$") == 2:
        return end, MarkdownPart("formula", _formula(text[2:-2]))
    return end, MarkdownPart("text", _plain(_LIST_MARK.sub("", text, count=1)))


def _find(lines: Sequence[str], begin: int, is_it: Callable[[str], bool]) -> int:
    return next((i for i in range(begin, len(lines)) if is_it(lines[i])), len(lines))


def _begins_another(line: str) -> bool:
    bare = line.strip()
    begins = (_FENCE, _HEADING, _LIST_MARK)
    return not bare or bare.lower().startswith("<table") or any(one.match(bare) for one in begins)


def _plain(text: str) -> str:
    return one_line(_INLINE.sub(_shown, text))


def _shown(found: re.Match[str]) -> str:
    """What a mark within a line stands for."""
    if found["entity"]:
        return unescape(found["entity"])
    if found["break"]:
        return "\n"
    if found["display"] or found["formula"]:
        return _formula(found["display"] or found["formula"])
    return found["escaped"] or found["link"] or ""


def _formula(latex: str) -> str:
    latex = " ".join(latex.split())
    number = _TAG.search(latex)
    return latex if number is None else f"{latex[: number.start()]} ({number[1]})"


def _html_table(html: str) -> MarkdownPart | None:
    table = read_table(html)
    if table is None:
        return None
    return _table(
        [
            Cell(one.row, one.column, _plain(one.text), one.row_span, one.column_span)
            for one in table.cells
        ]
    )


def _pipe_table(rows: Sequence[str]) -> MarkdownPart:
    return _table(
        [
            Cell(r, c, _plain(text.strip()))
            for r, row in enumerate(rows)
            for c, text in enumerate(_CELL_END.split(row.strip().removeprefix("|"))[:-1])
        ]
    )


def _table(cells: Sequence[Cell]) -> MarkdownPart:
    return MarkdownPart("table", " ".join(one.text for one in cells if one.text), tuple(cells))
