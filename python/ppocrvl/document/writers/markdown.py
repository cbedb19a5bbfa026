# SPDX-License-Identifier: Apache-2.0
"""Markdown that CommonMark renders, with pipe tables and dollar signs around formulas (GitHub)."""

from __future__ import annotations

import base64
import re
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from ppocrvl.document.flow import flow
from ppocrvl.document.joining import one_line, unbroken
from ppocrvl.document.lists import full_lines, paragraphs
from ppocrvl.document.tables import TablePicture
from ppocrvl.document.writers.latex import display_formula, with_formulas
from ppocrvl.document.writers.markdown_escape import (
    clean,
    comment,
    escaped,
    heading_escaped,
    line_start_escaped,
)
from ppocrvl.document.writers.official_markdown import official_files
from ppocrvl.document.writers.written import File, picture_files, pictures_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ppocrvl.document.document import Document
    from ppocrvl.document.flow import Kind, Part
    from ppocrvl.document.lists import TextList
    from ppocrvl.document.tables import Table, TableCell
    from ppocrvl.document.types import Picture
    from ppocrvl.document.writers.written import WriteOptions

    Address = Callable[[str], str | None]


def markdown_files(document: Document, options: WriteOptions) -> list[File]:
    """The document, and its figures where they are to be files."""
    if options.style == "official":
        return official_files(document, options)
    address = _addresses(pictures_of(document.pages), options)
    parts = flow(document.pages, options.labels_left_out)
    texts = [_WRITE[part.kind](part, address) for part in parts]
    text = "\n\n".join(one for one in texts if one)
    name = f"{options.stem}.md"
    return [File(name, f"{text}\n" if text else ""), *picture_files(document.pages, options)]


def _addresses(pictures: Mapping[str, Picture], options: WriteOptions) -> Address:
    """What links to a picture; None where it is left out."""

    def address(name: str) -> str | None:
        picture = pictures.get(name)
        if picture is None or options.figures == "none":
            return None
        if options.figures == "files":
            return quote(f"{options.folder}/{name}")
        kind = "png" if name.endswith(".png") else "jpeg"
        return f"data:image/{kind};base64,{base64.b64encode(picture.data).decode()}"

    return address


def _heading(part: Part, _: Address) -> str:
    marks = "#" * min(part.level + 1, 6)
    return f"{marks} {heading_escaped(with_formulas(one_line(clean(part.text)), escaped))}"


def _text(part: Part, _: Address) -> str:
    return "\n\n".join(
        _lines(one) if isinstance(one, str) else _list(one) for one in paragraphs(clean(part.text))
    )


def _broken_lines(part: Part, _: Address) -> str:
    lines = full_lines(clean(part.text))
    return "\\\n".join(line_start_escaped(with_formulas(line, escaped)) for line in lines)


def _figure(part: Part, address: Address) -> str:
    links = (address(picture.name) for picture in part.pictures)
    return "\n\n".join(f"![]({link})" for link in links if link)


def _table(part: Part, address: Address) -> str:
    if part.table is None:
        return ""
    return _html(part.table, address) if part.table.has_spans else _pipes(part.table, address)


def _code(part: Part, _: Address) -> str:
    text = clean(part.text)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


_WRITE: dict[Kind, Callable[[Part, Address], str]] = {
    "page": lambda part, _: comment(f"page {part.page + 1}"),
    "failed": lambda part, _: comment(f"not read: {part.text}"),
    "heading": _heading,
    "paragraph": _text,
    "lines": _broken_lines,
    "code": _code,
    "formula": lambda part, _: display_formula(part.text, part.number),
    "figure": _figure,
    "table": _table,
}


def _lines(text: str) -> str:
    """Lines that flow. Formulas may go over several, so they are found first."""
    flowing = with_formulas(unbroken(text), escaped)
    return "\n".join(line_start_escaped(line) for line in full_lines(flowing))


def _list(found: TextList) -> str:
    if found.first is None:
        return "\n".join(_item("-", one) for one in found.items)
    return "\n".join(
        _item(f"{number}{found.sign}", one) for number, one in enumerate(found.items, found.first)
    )


def _item(mark: str, text: str) -> str:
    return f"{mark} {_lines(text)}".replace("\n", "\n" + " " * (len(mark) + 1))


def _pipes(table: Table, address: Address) -> str:
    """The first row is the head, as GitHub knows no other."""

    def cell(one: TableCell | None) -> str:
        parts = []
        for content in one.content if one is not None else ():
            if isinstance(content, TablePicture):
                link = address(content.name)
                parts.append(f"![]({link})" if link else "")
            else:
                parts.append(with_formulas(clean(content), escaped))
        return "".join(parts).strip().replace("|", r"\|").replace("\n", "<br>")

    head, *body = [f"| {' | '.join(map(cell, row))} |" for row in table.grid()]
    return "\n".join([head, f"|{' --- |' * table.n_columns}", *body])


def _html(table: Table, address: Address) -> str:
    """On one line: a blank one would end it."""

    def plain(text: str) -> str:
        return escape(text).replace("\n", "<br>")

    def cell(one: TableCell) -> str:
        parts = []
        for content in one.content:
            if isinstance(content, TablePicture):
                link = address(content.name)
                parts.append(f'<img src="{escape(link)}" alt="">' if link else "")
            else:
                parts.append(with_formulas(clean(content), plain))
        tag = "th" if one.head else "td"
        spans = _span("rowspan", one.row_span) + _span("colspan", one.column_span)
        return f"<{tag}{spans}>{''.join(parts).strip()}</{tag}>"

    rows = "".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in table.rows())
    return f"<table>{rows}</table>"


def _span(name: str, number: int) -> str:
    return f' {name}="{number}"' if number > 1 else ""
