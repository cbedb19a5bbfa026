# SPDX-License-Identifier: Apache-2.0
r"""Formulas within Markdown, which readers without mathematics must not take for anything else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ppocrvl.document.writers.markdown_escape import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_FORMULA = re.compile(r"\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
"""A formula in a text, as the model writes it."""

_COMMENT = re.compile(r"(?<!\\)%.*")
_DOLLAR = re.compile(r"(?<!\\)\$")
_NOT_IN_NUMBERS = re.compile(r"[{}$<>&`\\\n]")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula in a text.

    Attributes:
        latex: without brackets, not empty.
        displayed: on lines of its own.
        written: with its brackets.
    """

    latex: str
    displayed: bool
    written: str


def text_and_formulas(text: str) -> Iterator[str | Formula]:
    r"""A text in pieces, in their order.

    Args:
        text: with formulas between `\\(` and `\\)` or `\\[` and `\\]`.
    """
    end = 0
    for found in _FORMULA.finditer(text):
        if found.start() > end:
            yield text[end : found.start()]
        yield Formula(found[1] or found[2], found[1] is None, found[0])
        end = found.end()
    if end < len(text):
        yield text[end:]


def safe_latex(latex: str) -> str:
    """A formula on one line that ends no formula, and begins no tag, link or code."""
    lines = " ".join(_COMMENT.sub("", line) for line in clean(latex).split("\n"))
    line = " ".join(lines.split())
    line = _DOLLAR.sub(r"\\$", line).replace("`", r"\lq ").replace("](", "] (")
    line = _TAG.sub(r"\\lt ", line)
    # a backslash at the end would take the dollar sign for a letter
    return re.sub(r"(?<!\\)((?:\\\\)*)\\$", r"\1", line)


def inline_formula(latex: str) -> str:
    """A formula within a line; "" for an empty one."""
    line = safe_latex(latex)
    return f"${line}$" if line else ""


def display_formula(latex: str, number: str = "") -> str:
    """A formula on a line of its own, with its number."""
    line = safe_latex(latex)
    bare = _NOT_IN_NUMBERS.sub("", clean(number)).strip()
    return f"$${line} \\tag{{{bare}}}$$" if bare else f"$${line}$$"


def with_formulas(text: str, plain: Callable[[str], str]) -> str:
    r"""Text in which formulas stand between dollar signs.

    Args:
        text: with formulas between `\\(` and `\\)` or `\\[` and `\\]`.
        plain: what becomes of the text around them.
    """
    parts = []
    for one in text_and_formulas(text):
        if isinstance(one, str):
            parts.append(plain(one))
        else:
            parts.append((display_formula if one.displayed else inline_formula)(one.latex))
    return "".join(parts)
