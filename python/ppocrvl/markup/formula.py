# SPDX-License-Identifier: Apache-2.0
r"""Formulas, which the model writes in LaTeX, as MathML, which browsers show by themselves.

latex2mathml does the work, but escapes nothing: `\text{<script>}` comes out as an element. What it
builds is therefore written again here, with the elements and attributes of MathML that are known
to do nothing but look right.
"""

from __future__ import annotations

import re
from html import escape, unescape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_CHARACTERS = 4000
"""Of a formula that is converted: a tenth of a second at worst."""

_ELEMENT = re.compile(
    "math|menclose|mfrac|mi|mmultiscripts|mn|mo|mover|mpadded|mphantom|mprescripts|mroot|mrow|"
    "mspace|msqrt|mstyle|msub|msubsup|msup|mtable|mtd|mtext|mtr|munder|munderover|none"
)
_ATTRIBUTE = re.compile(
    "accent|columnalign|depth|display|displaystyle|fence|form|height|largeop|linethickness|lspace|"
    "mathvariant|maxsize|minsize|movablelimits|notation|rspace|scriptlevel|separator|stretchy|"
    "voffset|width"
)
_OPERATORS = frozenset(("±", "~", "⟂", "\u29f5", "⟺"))
"""Symbols that the converter takes for variables, which would stand without space around them."""
_ENVIRONMENTS = (("aligned", "align*"), ("gathered", "matrix"))
"""Environments that the converter does not know, and those that look the same."""
_BRACKETS = (("\\[", "\\]"), ("\\(", "\\)"), ("$$", "$$"), ("$", "$"))


def bare(latex: str) -> str:
    """The formula without the brackets or dollar signs around it."""
    latex = latex.strip()
    for begin, end in _BRACKETS:
        if latex.startswith(begin) and latex.endswith(end) and len(latex) >= len(begin + end):
            return latex[len(begin) : -len(end)].strip()
    return latex


def to_mathml(latex: str, *, block: bool) -> str | None:
    """A formula as a `<math>` element that is safe in any page, or None where that cannot be.

    Args:
        latex: any text, without brackets around it; a picture may hold anything.
        block: set on lines of its own, not within text.
    """
    if not latex or len(latex) > MAX_CHARACTERS:
        return None
    from latex2mathml.converter import convert_to_element  # here: few answers hold a formula

    for name, known in _ENVIRONMENTS:
        latex = re.sub(rf"\\(begin|end)\{{{name}\}}", rf"\\\1{{{known}}}", latex)
    try:
        return _written(convert_to_element(latex, display="block" if block else "inline"))
    except Exception:  # noqa: BLE001 - it has no common class of errors, RecursionError among them
        return None


def _written(element: Element) -> str:
    """The element and what is in it.

    Raises:
        ValueError: it holds what the converter did not understand, and passes on as it is.
    """
    tag = element.tag
    if not _ELEMENT.fullmatch(tag):
        raise ValueError(tag)
    text = unescape(element.text or "")  # operators come as references
    if tag == "mi" and (text == "&" or text.startswith("\\")):
        raise ValueError(text)
    if tag == "mi" and text in _OPERATORS:
        tag = "mo"
    attributes = "".join(
        f' {name}="{escape(value)}"'
        for name, value in element.items()
        if _ATTRIBUTE.fullmatch(name)
    )
    return f"<{tag}{attributes}>{escape(text)}{''.join(map(_written, element))}</{tag}>"
