# SPDX-License-Identifier: Apache-2.0
"""Formulas as Office Math, which word processors show and edit (ECMA-376 part 1, 22.1).

Made from our own MathML, whose elements are a closed list.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError, fromstring

from ppocrvl.markup.formula import to_mathml

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from xml.etree.ElementTree import Element

NAMESPACE = "http://schemas.openxmlformats.org/officeDocument/2006/math"

_NARY = frozenset("∑∏∐∫∬∭∮∯∰⋀⋁⋂⋃⨀⨁⨂⨄⨆")  # noqa: RUF001 - no letters
"""Operators that are drawn large, and take what follows as their operand."""
_ACCENTS = {
    "^": "\u0302",
    "~": "\u0303",
    "˙": "\u0307",
    "¨": "\u0308",
    "ˇ": "\u030c",
    "˘": "\u0306",
    "\u00b4": "\u0301",
    "`": "\u0300",
    "→": "\u20d7",
    "⃗": "\u20d7",
}
"""Signs over a letter, and the combining ones that Office Math wants."""
_BARS = frozenset("¯‾ˉ_―")
_BRACES = frozenset("⏞⏟⎴⎵︷︸")
_STYLES = {"normal": "p", "bold": "b", "italic": "i", "bold-italic": "bi"}
_SCRIPTS = frozenset(("double-struck", "script", "fraktur", "sans-serif", "monospace"))
_SCRIPTED = {
    "msub": ("sub",),
    "msup": ("sup",),
    "msubsup": ("sub", "sup"),
    "munder": ("sub",),
    "mover": ("sup",),
    "munderover": ("sub", "sup"),
}
_OPENING, _CLOSING = frozenset("([{|‖⟨⌊⌈"), frozenset(")]}|‖⟩⌋⌉")


def to_omml(latex: str) -> str | None:
    """A formula as an `m:oMath` element, or None where that cannot be.

    Args:
        latex: any text, without brackets around it; a picture may hold anything.
    """
    mathml = to_mathml(latex, block=True)
    if mathml is None:
        return None
    try:
        inside = _sequence(list(fromstring(mathml)))  # noqa: S314 - to_mathml wrote it
    except (ParseError, KeyError, ValueError, RecursionError):  # there is more than is known here
        return None
    return f'<m:oMath xmlns:m="{NAMESPACE}">{inside}</m:oMath>'


def _sequence(elements: Sequence[Element]) -> str:
    parts, at = [], 0
    while at < len(elements):
        part, at = _next(elements, at)
        parts.append(part)
    return "".join(parts)


def _next(elements: Sequence[Element], at: int) -> tuple[str, int]:
    """What stands at a place, with all that belongs to it, and where it ends."""
    one, after = elements[at], at + 1
    end = _end_of_fence(elements, at)
    if end is not None:
        has_sign = _text(elements[end - 1]) in _CLOSING or _form(elements[end - 1]) == "postfix"
        closing = _text(elements[end - 1]) if has_sign else ""
        inside = _sequence(elements[after : end - 1 if has_sign else end])
        signs = _value("begChr", _text(one)) + _value("endChr", closing)
        return f"<m:d><m:dPr>{signs}</m:dPr><m:e>{inside}</m:e></m:d>", end
    if _text(one[0] if one.tag in _SCRIPTED else one) in _NARY:
        operand = ""
        if after < len(elements) and (elements[after].tag != "mo" or _form(elements[after])):
            operand, after = _next(elements, after)
        return _nary(one, operand), after
    return _WRITE[one.tag](one), after


def _end_of_fence(elements: Sequence[Element], at: int) -> int | None:
    """Where brackets end that grow with what is in them; None where none begin."""
    if _form(elements[at]) == "prefix":
        depth = 0
        for i in range(at, len(elements)):
            depth += {"prefix": 1, "postfix": -1}.get(_form(elements[i]), 0)
            if depth == 0:
                return i + 1
    if _text(elements[at]) in _OPENING and at + 1 < len(elements):
        end = at + 2
        if elements[at + 1].tag == "mtable":
            is_closed = end < len(elements) and _text(elements[end]) in _CLOSING
            return end + 1 if is_closed else end
    return None


def _form(element: Element) -> str:
    return element.get("form", "") if element.tag == "mo" else ""


def _text(element: Element) -> str:
    """Of an operator."""
    return (element.text or "").strip() if element.tag == "mo" else ""


def _value(name: str, value: str) -> str:
    return f'<m:{name} m:val="{escape(value)}"/>'


def _run(text: str, properties: str = "") -> str:
    style = f"<m:rPr>{properties}</m:rPr>" if properties else ""
    return f'<m:r>{style}<m:t xml:space="preserve">{escape(text)}</m:t></m:r>'


def _letters(element: Element) -> str:
    text = element.text or ""
    variant = element.get("mathvariant", "")
    style = _STYLES.get(variant, "p" if len(text) > 1 else "")
    script = _value("scr", variant) if variant in _SCRIPTS else ""
    return _run(text, script + (_value("sty", style) if style else ""))


def _space(element: Element) -> str:
    """A space; none for what moves letters together, or breaks a line."""
    width = element.get("width", "")
    return _run(" ", "<m:nor/>") if width and not width.startswith(("-", "neg")) else ""


def _inside(element: Element) -> str:
    return _sequence(list(element))


def _in(name: str, element: Element) -> str:
    """One operand: the element, or what is in it if it only groups."""
    return f"<m:{name}>{_sequence([element])}</m:{name}>"


def _fraction(element: Element) -> str:
    above, below = element
    bare = element.get("linethickness", "").rstrip("px") == "0"
    kind = f"<m:fPr>{_value('type', 'noBar')}</m:fPr>" if bare else ""
    return f"<m:f>{kind}{_in('num', above)}{_in('den', below)}</m:f>"


def _square_root(element: Element) -> str:
    hidden = f"<m:radPr>{_value('degHide', '1')}</m:radPr><m:deg/>"
    return f"<m:rad>{hidden}<m:e>{_inside(element)}</m:e></m:rad>"


def _root(element: Element) -> str:
    base, degree = element
    return f"<m:rad>{_in('deg', degree)}{_in('e', base)}</m:rad>"


def _scripts(element: Element) -> str:
    base, *scripts = element
    if element.tag == "msub" and _text(base).isalpha():  # lim, max and so on
        return _under_or_over(element)
    names = _SCRIPTED[element.tag]
    name = "s" + "".join(one.capitalize() for one in names)
    inside = "".join(_in(one, script) for one, script in zip(names, scripts, strict=True))
    return f"<m:{name}>{_in('e', base)}{inside}</m:{name}>"


def _nary(element: Element, operand: str) -> str:
    """A sum, an integral and so on."""
    is_bare = element.tag == "mo"
    names = () if is_bare else _SCRIPTED[element.tag]
    scripts = dict(zip(names, list(element)[1:], strict=not is_bare))
    above = "undOvr" if element.tag in {"munder", "mover", "munderover"} else "subSup"
    sign = _text(element if is_bare else element[0])
    hidden = "".join(_value(f"{one}Hide", "1") for one in ("sub", "sup") if one not in scripts)
    limits = "".join(
        _in(one, scripts[one]) if one in scripts else f"<m:{one}/>" for one in ("sub", "sup")
    )
    properties = f"{_value('chr', sign)}{_value('limLoc', above)}{hidden}"
    return f"<m:nary><m:naryPr>{properties}</m:naryPr>{limits}<m:e>{operand}</m:e></m:nary>"


def _under_or_over(element: Element) -> str:
    base, mark = element
    position, sign = ("top" if element.tag == "mover" else "bot"), _text(mark)
    if sign in _BARS:
        return f"<m:bar><m:barPr>{_value('pos', position)}</m:barPr>{_in('e', base)}</m:bar>"
    if sign in _BRACES:
        properties = _value("chr", sign) + _value("pos", position)
        return f"<m:groupChr><m:groupChrPr>{properties}</m:groupChrPr>{_in('e', base)}</m:groupChr>"
    if sign in _ACCENTS and position == "top":
        properties = _value("chr", _ACCENTS[sign])
        return f"<m:acc><m:accPr>{properties}</m:accPr>{_in('e', base)}</m:acc>"
    name = "limUpp" if position == "top" else "limLow"
    return f"<m:{name}>{_in('e', base)}{_in('lim', mark)}</m:{name}>"


def _under_and_over(element: Element) -> str:
    base, below, above = element
    low = f"<m:limLow>{_in('e', base)}{_in('lim', below)}</m:limLow>"
    return f"<m:limUpp><m:e>{low}</m:e>{_in('lim', above)}</m:limUpp>"


def _table(element: Element) -> str:
    rows = [list(row) for row in element]
    n_columns = max(map(len, rows), default=0)
    aligns = element.get("columnalign", "").split()
    columns = "".join(
        f"<m:mc><m:mcPr>{_value('count', '1')}{_value('mcJc', one)}</m:mcPr></m:mc>"
        for one in (aligns + ["center"] * n_columns)[:n_columns]
    )
    inside = "".join(
        f"<m:mr>{''.join(_in('e', cell) for cell in row)}{'<m:e/>' * (n_columns - len(row))}</m:mr>"
        for row in rows
    )
    return f"<m:m><m:mPr><m:mcs>{columns}</m:mcs></m:mPr>{inside}</m:m>"


_WRITE: dict[str, Callable[[Element], str]] = {
    "mi": _letters,
    "mn": _letters,
    "mo": lambda one: _run(one.text or ""),
    "mtext": lambda one: _run(one.text or "", "<m:nor/>"),
    "mspace": _space,
    "mrow": _inside,
    "mstyle": _inside,
    "mpadded": _inside,
    "mtd": _inside,
    "mphantom": lambda one: f"<m:phant><m:e>{_inside(one)}</m:e></m:phant>",
    "menclose": lambda one: f"<m:borderBox><m:e>{_inside(one)}</m:e></m:borderBox>",
    "mfrac": _fraction,
    "msqrt": _square_root,
    "mroot": _root,
    "msub": _scripts,
    "msup": _scripts,
    "msubsup": _scripts,
    "munder": _under_or_over,
    "mover": _under_or_over,
    "munderover": _under_and_over,
    "mtable": _table,
}
"""By the element of MathML; what is not here cannot be converted."""
