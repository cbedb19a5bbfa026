# SPDX-License-Identifier: Apache-2.0
"""ALTO, against what its schema (4.4) asks for.

No package that can be installed holds the schema. Where `PPOCRVL_ALTO_SCHEMA` names the file
(alto-4-4.xsd of the Library of Congress), documents are validated with it; the other tests check
order, identifiers and references by themselves.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from tests.document.made import block, document, two_pages

from ppocrvl.document.writers.alto import NAMESPACE

if TYPE_CHECKING:
    from ppocrvl.document.document import Document

SCHEMA = Path(os.environ.get("PPOCRVL_ALTO_SCHEMA", "-"))
CHILDREN = {
    "alto": ("Description", "Tags", "Layout"),
    "Description": ("MeasurementUnit", "sourceImageInformation", "Processing"),
    "sourceImageInformation": ("fileName",),
    "Processing": ("processingSoftware",),
    "processingSoftware": ("softwareName",),
    "Tags": ("LayoutTag",),
    "Layout": ("Page",),
    "Page": ("PrintSpace",),
    "PrintSpace": ("TextBlock", "Illustration"),
    "TextBlock": ("Shape", "TextLine"),
    "Illustration": ("Shape",),
    "Shape": ("Polygon",),
    "TextLine": ("String", "SP"),
}
"""What may stand in an element; where the schema has a sequence, in this order."""
MIXED = {"PrintSpace", "TextLine"}


def tree(one: Document) -> ET.Element:
    return ET.fromstring(one.to("alto"))


def name(element: ET.Element) -> str:
    return element.tag.removeprefix(f"{{{NAMESPACE}}}")


def test_elements_stand_where_the_schema_has_them() -> None:
    for element in tree(two_pages()).iter():
        children = [name(child) for child in element]
        assert set(children) <= set(CHILDREN.get(name(element), ()))
        if name(element) not in MIXED and children:
            assert children == sorted(children, key=CHILDREN[name(element)].index)


def test_identifiers_and_references() -> None:
    elements = list(tree(two_pages()).iter())
    ids = [str(one.get("ID")) for one in elements if one.get("ID")]
    assert len(ids) == len(set(ids))
    assert all(one.isidentifier() for one in ids)
    assert {str(one.get("TAGREFS")) for one in elements if one.get("TAGREFS")} <= set(ids)
    for one in elements:
        if name(one) in {"TextBlock", "Illustration", "TextLine", "String"}:
            assert all(int(one.attrib[key]) >= 0 for key in ("HPOS", "VPOS", "WIDTH", "HEIGHT"))


def test_text() -> None:
    root = tree(two_pages())
    lines = [
        " ".join(one.attrib["CONTENT"] for one in line.iter(f"{{{NAMESPACE}}}String"))
        for line in root.iter(f"{{{NAMESPACE}}}TextLine")
    ]
    assert lines[:3] == ["Journal of Examples", "On Cats", "and Dogs"]
    assert "2 < 3" in lines
    (figure,) = root.iter(f"{{{NAMESPACE}}}Illustration")
    labels = {one.get("ID"): one.get("LABEL") for one in root.iter(f"{{{NAMESPACE}}}LayoutTag")}
    assert labels[figure.get("TAGREFS")] == "image"
    assert next(root.iter(f"{{{NAMESPACE}}}String")).get("WC") == "0.9900"
    spaces = list(root.iter(f"{{{NAMESPACE}}}SP"))
    assert all(int(one.attrib["WIDTH"]) >= 0 for one in spaces)


@pytest.mark.skipif(
    not SCHEMA.is_file(), reason="needs the schema of ALTO 4.4: PPOCRVL_ALTO_SCHEMA=FILE"
)
@pytest.mark.parametrize("one", [two_pages(), document(), document(block(0, "text", "a b"))])
def test_the_schema_takes_it(one: Document) -> None:
    from lxml import etree

    # It imports another one from the network, for attributes that we do not use.
    text = SCHEMA.read_text(encoding="utf-8")
    here = etree.fromstring(text.encode())
    for imported in here.findall("{http://www.w3.org/2001/XMLSchema}import"):
        here.remove(imported)
    for group in list(here.iter("{http://www.w3.org/2001/XMLSchema}attributeGroup")):
        if str(group.get("ref", "")).startswith("xlink:"):
            group.getparent().remove(group)
    schema = etree.XMLSchema(here)
    schema.assertValid(etree.fromstring(one.to("alto").encode()))
