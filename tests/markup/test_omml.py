# SPDX-License-Identifier: Apache-2.0
"""Formulas as Office Math."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppocrvl.markup.omml import NAMESPACE, to_omml


def shape(latex: str) -> str:
    """Its elements and texts, without properties: `f(num(a) den(b))`."""
    omml = to_omml(latex)
    assert omml is not None

    def told(element: ET.Element) -> str:
        name = element.tag.removeprefix(f"{{{NAMESPACE}}}")
        if name == "r":
            return "".join(element.itertext())
        if name.endswith("Pr") or (name in {"deg", "sub", "sup"} and not len(element)):
            return ""
        return f"{name}({' '.join(filter(None, map(told, element)))})"

    return told(ET.fromstring(omml)).removeprefix("oMath(").removesuffix(")")


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        ("x", "x"),
        ("E=mc^2", "E = m sSup(e(c) sup(2))"),
        (r"\frac{a}{b}", "f(num(a) den(b))"),
        (r"\sqrt{x}", "rad(e(x))"),
        (r"\sqrt[3]{x}", "rad(deg(3) e(x))"),
        ("x_i^2", "sSubSup(e(x) sub(i) sup(2))"),
        (r"\sum_{i=1}^{n} i", "nary(sub(i = 1) sup(n) e(i))"),
        (r"\int f", "nary(e(f))"),
        (r"\left( \frac{1}{2} \right]", "d(e(f(num(1) den(2))))"),
        (r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}", "d(e(m(mr(e(a) e(b)) mr(e(c) e(d)))))"),
        (r"\hat{x}", "acc(e(x))"),
        (r"\overline{x}", "bar(e(x))"),
        (r"\underbrace{x}_{n}", "limLow(e(groupChr(e(x))) lim(n))"),
        (r"\lim_{x \to 0} f", "limLow(e(lim) lim(x → 0)) f"),
        (r"\text{if } x", "if\N{NO-BREAK SPACE} x"),
        (r"\sin x", "sin x"),
        (r"\binom{n}{k}", None),
    ],
)
def test_formulas(latex: str, expected: str | None) -> None:
    if expected is not None:
        assert shape(latex) == expected
    else:
        assert "noBar" in str(to_omml(latex))


def test_signs_of_brackets_and_limits() -> None:
    omml = str(to_omml(r"\left[ x \right\} \sum_{i} \int_0^1"))
    assert '<m:begChr m:val="["/><m:endChr m:val="}"/>' in omml
    assert '<m:chr m:val="∑"/><m:limLoc m:val="undOvr"/><m:supHide m:val="1"/>' in omml
    assert '<m:chr m:val="∫"/><m:limLoc m:val="subSup"/>' in omml


@pytest.mark.parametrize("latex", ["", r"\nonsense{x}", r"\begin{what} x", "x" * 5000, "{" * 1500])
def test_what_cannot_be_converted(latex: str) -> None:
    assert to_omml(latex) is None


PIECES = st.sampled_from(
    [
        *(r"\frac", r"\sqrt", r"\left(", r"\right)", r"\sum", r"\int_", "^", "_", "{", "}", "&"),
        *(r"\begin{cases}", r"\end{cases}", r"\hat", r"\overline", "x", "1", "+", r"\\", "<m:r>"),
        *(r"\text{<script>}", r"\left.", r"\right.", r"\binom", r"\mathbb{R}", r"\prod^"),
    ]
)


@given(st.lists(PIECES, max_size=12).map(" ".join) | st.text(max_size=20))
def test_whatever_stands_on_a_page_gives_office_math_alone(latex: str) -> None:
    omml = to_omml(latex)
    if omml is not None:
        root = ET.fromstring(omml)
        assert all(one.tag.startswith(f"{{{NAMESPACE}}}") for one in root.iter())
        assert not re.search(r"<(?!/?m:)", omml)
