# SPDX-License-Identifier: Apache-2.0
"""A searchable PDF: the picture of each page, and its text over it where it stands, unseen."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import pikepdf
from PIL import Image

from ppocrvl.document.placing import place
from ppocrvl.document.writers.pdf_fonts import ASCENT, EM, HEIGHT, WIDTH, UnseenFonts
from ppocrvl.document.writers.written import File
from ppocrvl.document.writers.xml_text import xml_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ppocrvl.document.document import Document
    from ppocrvl.document.placing import PlacedBox, PlacedLine
    from ppocrvl.document.types import PageData, Picture
    from ppocrvl.document.writers.written import WriteOptions

POINTS_PER_INCH = 72.0
_LEAST, _MOST = 3.0, 14_400.0
"""Points of a page's side (PDF 32000-1, annex C)."""
_EMPTY = (595.0, 842.0)
"""Points of a page that could not be shown: A4."""
_SPACES = {"L": pikepdf.Name.DeviceGray, "RGB": pikepdf.Name.DeviceRGB}


def pdf_files(document: Document, options: WriteOptions) -> list[File]:
    """The document as one file."""
    out = BytesIO()
    with pikepdf.new() as pdf:
        fonts = UnseenFonts(pdf)
        for page in document.pages:
            _add_page(pdf, page, fonts)
        fonts.finish()
        pdf.docinfo["/Title"] = xml_text(document.name)
        pdf.save(out, deterministic_id=True)
    return [File(f"{options.stem}.pdf", out.getvalue())]


def _add_page(pdf: pikepdf.Pdf, page: PageData, fonts: UnseenFonts) -> None:
    scale = POINTS_PER_INCH / page.dpi if page.dpi else 1.0
    scale = min(scale, _MOST / max(page.width, page.height, 1))
    width, height = page.width * scale, page.height * scale
    size = (max(width, _LEAST), max(height, _LEAST)) if width and height else _EMPTY
    pdf.add_blank_page(page_size=size)
    made = pdf.pages[-1]
    parts = []
    resources = pikepdf.Dictionary()
    if page.image is not None:
        resources.XObject = pikepdf.Dictionary(Page=_image(pdf, page.image))
        parts.append(f"q {_number(width)} 0 0 {_number(height)} 0 0 cm /Page Do Q")
    lines = [line for block in place(page) for line in block.lines]
    if lines:
        parts.append("BT 3 Tr")
        for line in lines:
            parts += _text(line, fonts, scale, height)
        parts.append("ET")
    resources.Font = fonts.resources()
    made.obj.Resources = resources
    made.obj.Contents = pdf.make_stream("\n".join(parts).encode())


def _image(pdf: pikepdf.Pdf, picture: Picture) -> pikepdf.Object:
    """The JPEG file as it is."""
    with Image.open(BytesIO(picture.data)) as image:
        width, height, mode = *image.size, image.mode
    stream = pikepdf.Stream(
        pdf,
        b"",
        Type=pikepdf.Name.XObject,
        Subtype=pikepdf.Name.Image,
        Width=width,
        Height=height,
        ColorSpace=_SPACES[mode],
        BitsPerComponent=8,
    )
    stream.write(picture.data, filter=pikepdf.Name.DCTDecode)
    return pdf.make_indirect(stream)


def _text(line: PlacedLine, fonts: UnseenFonts, scale: float, height: float) -> Iterator[str]:
    """Words as wide as their boxes, and as wide as it is a space between each two."""
    ends = [word.box[0] for word in line.words[1:]]
    for i, word in enumerate(line.words):
        yield from _piece(word.text, word.box, fonts, scale, height)
        if i < len(ends) and ends[i] > word.box[2]:
            space = (word.box[2], word.box[1], ends[i], word.box[3])
            yield from _piece(" ", space, fonts, scale, height)


def _piece(
    text: str, box: PlacedBox, fonts: UnseenFonts, scale: float, height: float
) -> Iterator[str]:
    """Text from the left to the right of the box, as high as it."""
    text = xml_text(text)
    size = (box[3] - box[1]) * scale * EM / HEIGHT
    natural = size * len(text) * WIDTH / EM
    wide = (box[2] - box[0]) * scale
    if not natural or not wide:
        return
    x, y = box[0] * scale, height - box[1] * scale - size * ASCENT / EM
    yield f"{_number(100 * wide / natural)} Tz 1 0 0 1 {_number(x)} {_number(y)} Tm"
    for font, codes in fonts.spelled(text):
        yield f"/{font} {_number(size)} Tf <{codes.hex()}> Tj"


def _number(value: float) -> str:
    return f"{value:.3f}"
