# SPDX-License-Identifier: Apache-2.0
r"""Formulas within Markdown, which readers without mathematics must not take for anything else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ppocrvl.document.writers.markdown_escape import clean

if TYPE_CHECKING:
    from collections.abc import Callable

FORMULA = re.compile(r"\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
"""A formula in a text, as the model writes it."""

_COMMENT = re.compile(r"(?<!\\)%.*")
_DOLLAR = re.compile(r"(?<!\\)\$")
_NOT_IN_NUMBERS = re.compile(r"[{}$<>&`\\\n]")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")


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
    parts, end = [], 0
    for found in FORMULA.finditer(text):
        formula = inline_formula(found[1]) if found[1] else display_formula(found[2])
        parts += [plain(text[end : found.start()]), formula]
        end = found.end()
    return "".join([*parts, plain(text[end:])])
