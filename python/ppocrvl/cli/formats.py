# SPDX-License-Identifier: Apache-2.0
"""The formats that an answer can be written in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ppocrvl.requests.results import Result


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    Attributes:
        name: what the user writes.
        extension: of files.
        text: one answer with the name of its picture, without a line break at its end.
        heading: of one answer among several; the empty text where the answer says whose it is.
    """

    name: str
    extension: str
    text: Callable[[str, Result], str]
    heading: Callable[[str], str] = lambda _: ""


def _markdown(_: str, result: Result) -> str:
    from ppocrvl.markup.markdown import result_markdown

    return result_markdown(result)


def _html(name: str, result: Result) -> str:
    from ppocrvl.markup.html import result_html

    return f'<article data-source="{escape(name)}">{result_html(result)}</article>'


def _values(name: str, result: Result) -> dict[str, object]:
    values = {"image": name, **result.to_dict()}
    return values if result.tag is None else {**values, "tag": result.tag}


def _indented(name: str, result: Result) -> str:
    return json.dumps(_values(name, result), ensure_ascii=False, indent=2)


def _line(name: str, result: Result) -> str:
    return json.dumps(_values(name, result), ensure_ascii=False)


FORMATS = {
    one.name: one
    for one in (
        Format("text", ".txt", lambda _, result: result.text, lambda name: f"==> {name} <=="),
        Format("json", ".json", _indented),
        Format("jsonl", ".jsonl", _line),
        Format("markdown", ".md", _markdown, lambda name: f"<!-- {name.replace('--', '- -')} -->"),
        Format("html", ".html", _html),
    )
}
"""By name. `json` is one document for each picture, `jsonl` one line."""
