# SPDX-License-Identifier: Apache-2.0
r"""Formulas in a text: the model's brackets `\(` `\[`, and dollar signs as Markdown has them."""

from __future__ import annotations

import re

_FORMULA = re.compile(r"\\\((.*?)\\\)|\\\[(.*?)\\\]", re.DOTALL)
_DOLLAR = re.compile(r"(?<!\\)\$")
_SPELLED = (
    ("\\(", " $ "),
    ("\\)", " $"),
    ("\\[\\[", "\\["),
    ("\\]\\]", "\\]"),
    ("\\[", " $$ "),
    ("\\]", " $$ "),
)


def has_formula(text: str) -> bool:
    r"""Whether both brackets of a kind stand in the text, in whatever order."""
    return ("\\(" in text and "\\)" in text) or ("\\[" in text and "\\]" in text)


def with_dollars(text: str) -> str:
    r"""Formulas between dollar signs, spelled as PaddleX 3.7.2's pipeline does it.

    That pipeline deletes all dollar signs of a text that holds a formula, prices too. Here those
    within formulas are deleted, and those outside stay, as `\$`, which Markdown shows as a plain
    dollar sign. A text without a formula is left alone.
    """
    if not has_formula(text):
        return text
    parts, end = [], 0
    for found in _FORMULA.finditer(text):
        parts += [_DOLLAR.sub(r"\\$", text[end : found.start()]), found[0].replace("$", "")]
        end = found.end()
    text = "".join([*parts, _DOLLAR.sub(r"\\$", text[end:])])
    for bracket, dollars in _SPELLED:
        text = text.replace(bracket, dollars)
    return text


def without_brackets(text: str) -> str:
    r"""The text without `\(`, `\)`, `\[` and `\]`, for numbers of formulas."""
    for bracket in ("\\(", "\\)", "\\[", "\\]"):
        text = text.replace(bracket, "")
    return text.strip()
