# SPDX-License-Identifier: Apache-2.0
"""ALTO 4.4, the XML of libraries and archives: where blocks, lines and words stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ppocrvl.document.placing import place
from ppocrvl.document.writers.written import File
from ppocrvl.document.writers.xml_text import xml_escaped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ppocrvl.document.document import Document
    from ppocrvl.document.placing import PlacedBlock, PlacedBox, PlacedLine
    from ppocrvl.document.types import PageData
    from ppocrvl.document.writers.written import WriteOptions

NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
_SCHEMA = f"{NAMESPACE} http://www.loc.gov/standards/alto/v4/alto-4-4.xsd"


def alto_files(document: Document, options: WriteOptions) -> list[File]:
    """The document as one file, its pages one after the other."""
    labels = sorted({block.label for block in document.blocks})
    tags = {label: f"TAG{i}" for i, label in enumerate(labels, 1)}
    listed = "".join(
        f'<LayoutTag ID="{tag}" LABEL="{xml_escaped(label)}"/>' for label, tag in tags.items()
    )
    pages = "".join("".join(_page(page, tags)) for page in document.pages)
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<alto xmlns="{NAMESPACE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xsi:schemaLocation="{_SCHEMA}" SCHEMAVERSION="4.4">\n'
        "<Description><MeasurementUnit>pixel</MeasurementUnit><sourceImageInformation>"
        f"<fileName>{xml_escaped(document.name)}</fileName></sourceImageInformation>"
        '<Processing ID="P1"><processingSoftware><softwareName>ppocrvl</softwareName>'
        "</processingSoftware></Processing></Description>\n"
        f"{f'<Tags>{listed}</Tags>' if listed else ''}\n"
        f"<Layout>\n{pages}</Layout>\n</alto>\n"
    )
    return [File(f"{options.stem}.xml", text)]


def _page(page: PageData, tags: dict[str, str]) -> Iterator[str]:
    number = page.index + 1
    size = f'WIDTH="{page.width}" HEIGHT="{page.height}"'
    yield f'<Page ID="PAGE{number}" PHYSICAL_IMG_NR="{number}" {size}>\n'
    yield f'<PrintSpace HPOS="0" VPOS="0" {size}>\n'
    for one in place(page):
        yield from _block(one, number, tags[one.block.label])
    yield "</PrintSpace>\n</Page>\n"


def _block(placed: PlacedBlock, page: int, tag: str) -> Iterator[str]:
    block = placed.block
    name = f"{page}_{block.index + 1}"
    about = f'ID="BLOCK{name}" {_place(block.box)} TAGREFS="{tag}"'
    points = " ".join(f"{round(x)},{round(y)}" for x, y in block.polygon)
    shape = f'<Shape><Polygon POINTS="{points}"/></Shape>' if points else ""
    if not placed.lines:
        kind = "Illustration" if block.pictures else "TextBlock"
        yield f"<{kind} {about}>{shape}</{kind}>\n"
        return
    yield f"<TextBlock {about}>{shape}\n"
    for i, line in enumerate(placed.lines, 1):
        yield "".join(_line(line, f"{name}_{i}"))
    yield "</TextBlock>\n"


def _line(line: PlacedLine, name: str) -> Iterator[str]:
    """The model says how sure it is of lines, not of words."""
    yield f'<TextLine ID="LINE{name}" {_place(line.box)}>'
    before: PlacedBox | None = None
    for i, word in enumerate(line.words, 1):
        if before is not None:
            x, y = round(before[2]), round(before[1])
            yield f'<SP HPOS="{x}" VPOS="{y}" WIDTH="{max(0, round(word.box[0]) - x)}"/>'
        yield (
            f'<String ID="WORD{name}_{i}" {_place(word.box)} WC="{line.confidence:.4f}" '
            f'CONTENT="{xml_escaped(word.text)}"/>'
        )
        before = word.box
    yield "</TextLine>\n"


def _place(box: PlacedBox) -> str:
    x0, y0, x1, y1 = map(round, box)
    return f'HPOS="{x0}" VPOS="{y0}" WIDTH="{x1 - x0}" HEIGHT="{y1 - y0}"'
