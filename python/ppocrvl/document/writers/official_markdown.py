# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: RUF001 - Chinese numerals and brackets are meant
"""Markdown as PaddleX 3.7.2 writes it, all pages one after another.

One function for each kind of block, by what that program does (`build_handle_funcs_dict` in its
markdown_format_funcs.py). Nothing of the text is escaped there, and so it is here. Formulas are
spelled as `markup.dollars` says. Pictures of a page lie under the names that it gives them; where
two pages would give the same, the second one's has its page's number.
"""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING

from ppocrvl.document.writers.official_content import official_content
from ppocrvl.document.writers.written import File

if TYPE_CHECKING:
    from collections.abc import Callable

    from ppocrvl.document.document import Document
    from ppocrvl.document.types import Block, PageData, Picture
    from ppocrvl.document.writers.written import WriteOptions

_PICTURES = frozenset(("image", "seal", "chart", "header_image", "footer_image"))
_DIGITS = "一二三四五六七八九十百千万亿零壹贰叁肆伍陆柒捌玖拾"
_ROMAN = "I|II|III|IV|V|VI|VII|VIII|IX|X"
_NUMBERING = re.compile(
    rf"\s*([1-9][0-9]*(?:\.[1-9][0-9]*)*[.、]?|[(（](?:[1-9][0-9]*|[{_DIGITS}]+)[)）]"
    rf"|[{_DIGITS}]+[、.]?|(?:{_ROMAN})(?:\.|\s))\s*(.*)$"
)
_TABLE = (
    ("<table>", "<table border=1 style='margin: auto; word-wrap: break-word;'>"),
    ("<th>", "<th style='text-align: center; word-wrap: break-word;'>"),
    ("<td>", "<td style='text-align: center; word-wrap: break-word;'>"),
)
_OUTER_TAGS = (("<html>", ""), ("</html>", ""), ("<body>", ""), ("</body>", ""))


def official_files(document: Document, options: WriteOptions) -> list[File]:
    """The document, and its figures where they are to be files."""
    texts: list[str] = []
    pictures: dict[str, Picture] = {}
    for page in document.pages:
        for block, after in zip_longest(page.blocks, page.blocks[1:]):
            if block.label not in options.labels_left_out:
                tagged = _tagged(block, after) if options.formula_numbers else None
                found = tagged or official_block(block, page, options, pictures)
                if found is not None:
                    texts.append(found)
    text = "\n\n".join(texts)
    files = [File(name, picture) for name, picture in pictures.items()]
    return [File(f"{options.stem}.md", text), *files]


def official_block(
    block: Block, page: PageData, options: WriteOptions, pictures: dict[str, Picture]
) -> str | None:
    """What is written of a block; None for a label that PaddleX passes over.

    Args:
        block: of the page.
        page: for its width.
        options: how.
        pictures: gets those of the block, by the names of their files.
    """
    text, label = official_content(block), block.label
    if label in _TEXTS:
        is_plain = label == "figure_title" and not options.pretty
        return text if is_plain else _TEXTS[label](text)
    if label == "paragraph_title":
        return _title(text) if block.level is None else _soft(f"#{'#' * block.level} {text}")
    if label == "table":
        return "\n" + _table(block, text, page, options, pictures)
    if label == "chart" and block.html is not None:
        return _chart(text)
    if label in _PICTURES:
        shown = _picture(block, page, options, pictures, text)
        # What was read in a picture stays on its lines.
        return _within_div(shown) if options.pretty else shown
    return None


def _tagged(block: Block, after: Block | None) -> str | None:
    """A formula with its number, if that follows it."""
    is_formula = block.label in {"display_formula", "formula"}
    if not is_formula or after is None or after.label != "formula_number":
        return None
    formula = official_content(block).replace("$$", "")
    return f"$${formula} \\tag*{{{official_content(after)}}}$$"


def _soft(text: str) -> str:
    """On one line."""
    return text.replace("-\n", "").replace("\n", " ")


def _title(text: str) -> str:
    found = _NUMBERING.match(text)
    if found is not None:
        text = f"{found[1].strip()} {found[2].lstrip()}"
    text = text.rstrip(".")
    return _soft(f"##{'#' * text.count('.')} {text}")


def _first(text: str, splitter: str, words: tuple[str, ...], end: str) -> str:
    """The first word or line is a heading where it is one of these words."""
    parts = text.split(splitter)
    place = next((i for i, part in enumerate(parts) if part.strip()), None)
    if place is not None and parts[place].lower() in words:
        parts[place] = f"## {parts[place]}{end}"
    return splitter.join(parts)


def _centred(text: str) -> str:
    return _within_div(_soft(text))


def _within_div(text: str) -> str:
    return f'<div style="text-align: center;">{text}</div>\n'


def _picture(
    block: Block, page: PageData, options: WriteOptions, pictures: dict[str, Picture], text: str
) -> str:
    if not block.pictures or options.figures == "none":
        return ""
    link = _link(block.pictures[0], block.label, block.box, page, pictures)
    if not options.pretty:
        return f"![]({link})" + (f"\n\n{text}\n\n" if text else "")
    width = int((block.box[2] - block.box[0]) / page.width * 100)
    image = f'<img src="{link}" alt="Image" width="{width}%" />'
    return f"{image}\n\n{text}\n\n" if text else image


def _table(
    block: Block, html: str, page: PageData, options: WriteOptions, pictures: dict[str, Picture]
) -> str:
    for plain, styled in _TABLE if options.pretty else _OUTER_TAGS:
        html = html.replace(plain, styled)
    if not options.pretty:
        html = f"\n{html}"
    for picture in block.pictures if options.figures != "none" else ():
        link = _named(f"imgs/{picture.name}", picture, page, pictures)
        html = html.replace(f'src="{picture.name}"', f'src="{link}"')
    return html


def _chart(text: str) -> str:
    rows = [[cell.strip() for cell in line.split("|")] for line in text.split("\n")]

    def row(cells: list[str], tag: str) -> str:
        inside = (f"<{tag} style='text-align: center;'>{cell}</{tag}>" for cell in cells)
        return f"<tr>{''.join(inside)}</tr>"

    body = "".join(f"    {row(cells, 'td')}\n" for cells in rows[1:])
    return (
        "<table border=1 style='margin: auto; width: max-content;'>\n"
        f"  <thead>{row(rows[0], 'th')}</thead>\n  <tbody>\n{body}  </tbody>\n</table>"
    )


def _link(
    picture: Picture,
    label: str,
    box: tuple[int, int, int, int],
    page: PageData,
    pictures: dict[str, Picture],
) -> str:
    place = "_".join(map(str, box))
    return _named(f"imgs/img_in_{label}_box_{place}.jpg", picture, page, pictures)


def _named(name: str, picture: Picture, page: PageData, pictures: dict[str, Picture]) -> str:
    if pictures.setdefault(name, picture) is not picture:
        name = f"{name.removesuffix('.jpg')}_page_{page.index + 1}.jpg"
        pictures[name] = picture
    return name


def _paragraphs(text: str) -> str:
    return text.replace("\n\n", "\n").replace("\n", "\n\n")


_TEXTS: dict[str, Callable[[str], str]] = {
    "doc_title": lambda text: _soft(f"# {text}"),
    "figure_title": _centred,
    "content": lambda text: text.replace("-\n", "  \n").replace("\n", "  \n"),
    "algorithm": lambda text: text.strip("\n"),
    "abstract": lambda text: _first(text, " ", ("摘要", "abstract"), "\n"),
    "reference": lambda text: _first(text, "\n", ("参考文献", "references"), ""),
    **dict.fromkeys(
        ("vision_footnote", "text", "ocr", "vertical_text", "reference_content"), _paragraphs
    ),
    **dict.fromkeys(("formula", "display_formula", "inline_formula", "spotting", "number"), str),
    **dict.fromkeys(("footnote", "header", "footer", "aside_text"), str),
}
"""Labels of which the text alone is written."""
