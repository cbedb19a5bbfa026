# SPDX-License-Identifier: Apache-2.0
"""Fonts for text that is there but not seen, for the characters of any script.

Type 3 fonts, whose glyphs are drawn by the file itself: here by nothing, so no font needs to be
embedded and any reader knows how wide a character is (ISO 32000-1, 9.6.5). Such a font has 256
codes, so there are as many fonts as the text needs.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import pikepdf

if TYPE_CHECKING:
    from collections.abc import Iterator

EM = 1000
WIDTH = 500
ASCENT = 800
DESCENT = -200
HEIGHT = ASCENT - DESCENT
"""Of each glyph, in units of which a font's size has `EM`."""
_BOX = [0, DESCENT, WIDTH, ASCENT]
_CODES = 256
_CMAP = """/CIDInit /ProcSet findresource begin
12 dict begin
begincmap
/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def
/CMapName /Adobe-Identity-UCS def
/CMapType 2 def
1 begincodespacerange
<00> <ff>
endcodespacerange
{blocks}
endcmap
CMapName currentdict /CMap defineresource pop
end
end
"""
_BLOCK = 100
"""Characters that one block of such a table may have (Adobe Technical Note 5014)."""


class UnseenFonts:
    """The fonts of a PDF, which grow with its text.

    Args:
        pdf: that they are for.
    """

    def __init__(self, pdf: pikepdf.Pdf) -> None:
        self._pdf = pdf
        self._codes: dict[str, int] = {}
        self._fonts: list[pikepdf.Object] = []

    def spelled(self, text: str) -> Iterator[tuple[str, bytes]]:
        """The text as codes, with the name of the font for each stretch of them."""
        codes = [self._code(letter) for letter in text]
        for number, stretch in groupby(codes, lambda code: code // _CODES):
            yield f"F{number}", bytes(code % _CODES for code in stretch)

    def resources(self) -> pikepdf.Dictionary:
        """The fonts so far, by name."""
        return pikepdf.Dictionary({f"/F{i}": font for i, font in enumerate(self._fonts)})

    def finish(self) -> None:
        """Writes into each font what its codes mean."""
        letters = list(self._codes)
        for i, font in enumerate(self._fonts):
            cmap = _cmap(letters[i * _CODES : (i + 1) * _CODES])
            font.ToUnicode = self._pdf.make_stream(cmap.encode())

    def _code(self, letter: str) -> int:
        code = self._codes.setdefault(letter, len(self._codes))
        if code == len(self._fonts) * _CODES:
            self._fonts.append(self._new())
        return code

    def _new(self) -> pikepdf.Object:
        glyph = self._pdf.make_stream(f"{WIDTH} 0 0 {DESCENT} {WIDTH} {ASCENT} d1".encode())
        # Poppler takes the height of its characters from here.
        descriptor = pikepdf.Dictionary(
            Type=pikepdf.Name.FontDescriptor,
            FontName=pikepdf.Name.Unseen,
            Flags=4,  # symbolic: it has an encoding of its own
            FontBBox=_BOX,
            ItalicAngle=0,
            Ascent=ASCENT,
            Descent=DESCENT,
            CapHeight=ASCENT,
            StemV=0,
        )
        font = pikepdf.Dictionary(
            Type=pikepdf.Name.Font,
            Subtype=pikepdf.Name.Type3,
            FontBBox=_BOX,
            FontDescriptor=descriptor,
            FontMatrix=[1 / EM, 0, 0, 1 / EM, 0, 0],
            CharProcs=pikepdf.Dictionary(unseen=glyph),
            Encoding=pikepdf.Dictionary(
                Type=pikepdf.Name.Encoding,
                Differences=[0, *[pikepdf.Name.unseen] * _CODES],
            ),
            FirstChar=0,
            LastChar=_CODES - 1,
            Widths=[WIDTH] * _CODES,
            Resources=pikepdf.Dictionary(),
        )
        return self._pdf.make_indirect(font)


def _cmap(letters: list[str]) -> str:
    lines = [f"<{i:02x}> <{one.encode('utf-16-be').hex()}>" for i, one in enumerate(letters)]
    blocks = [lines[i : i + _BLOCK] for i in range(0, len(lines), _BLOCK)]
    return _CMAP.format(
        blocks="\n".join(
            f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks
        )
    )
