# SPDX-License-Identifier: Apache-2.0
"""The faces of plain pictures (``render``), and the measures of any face.

All come from Debian packages (``packages.txt``); none is committed. ``families`` has the faces of
everything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]
from PIL import ImageFont

from pages.faces import path_of
from tiny.alphabet import ALPHABET, CLASS

if TYPE_CHECKING:
    from numpy.typing import NDArray

# A pattern is a file name with the place of the style, and the styles.
# Plain upright text faces: what most documents are set in.
_RB = ("-Regular", "-Bold")
TRAIN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("DejaVuSans{}.ttf", ("", "-Bold")),
    ("DejaVuSerif{}.ttf", ("", "-Bold")),
    ("FreeSans{}.ttf", ("", "Bold")),
    ("FreeSerif{}.ttf", ("", "Bold")),
    ("Roboto{}.ttf", _RB),
    ("RobotoSlab{}.otf", _RB),
    ("Lato{}.ttf", _RB),
    ("Carlito{}.ttf", _RB),
    ("Caladea{}.ttf", _RB),
    ("Cantarell{}.otf", _RB),
    ("Inter{}.otf", _RB),
    ("LinLibertine_R{}.otf", ("", "B")),
    ("LinBiolinum_R{}.otf", ("", "B")),
    ("NimbusRoman{}.otf", _RB),
    ("NimbusSans{}.otf", _RB),
    ("C059{}.otf", ("-Roman", "-Bold")),
    ("P052{}.otf", ("-Roman", "-Bold")),
    ("URWBookman{}.otf", ("-Light",)),
    ("CharisSIL{}.ttf", _RB),
    ("Andika{}.ttf", _RB),
    ("DoulosSIL{}.ttf", ("-Regular",)),
    ("Oxygen-Sans{}.ttf", ("", "-Bold")),
    ("lmroman10{}.otf", ("-regular", "-bold")),
    ("lmsans10{}.otf", ("-regular",)),
    ("Go{}.ttf", _RB),
    ("Vollkorn{}.ttf", _RB),
    ("STIX{}.otf", _RB),
    ("B612{}.otf", _RB),
    ("Karla{}.otf", _RB),
    ("PT{}.ttf", ("S55F", "S75F")),
    ("GilliusADF{}.otf", _RB),
    ("Kinnari{}.ttf", ("",)),
    ("Laksaman{}.ttf", ("",)),
    ("Mplus1{}.otf", _RB),
    ("Dustismo_Roman{}.ttf", ("",)),
    ("Cabin{}.otf", _RB),
    ("DejaVuSansMono{}.ttf", ("", "-Bold")),
    ("JetBrainsMono{}.ttf", ("-Regular",)),
    ("Hack{}.ttf", ("-Regular",)),
    ("texgyretermes{}.otf", ("-regular", "-bold")),
    ("texgyreheros{}.otf", ("-regular", "-bold")),
    ("texgyrepagella{}.otf", ("-regular", "-bold")),
    ("texgyreschola{}.otf", ("-regular", "-bold")),
    ("SourceSansPro{}.otf", _RB),
    ("SourceSerifPro{}.otf", _RB),
    ("XCharter{}.otf", _RB),
    ("OpenSauceSans{}.ttf", _RB),
)

# Plain text faces that training never sees, nor their near-copies (Arimo and Tinos).
HELD_OUT: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("LiberationSerif{}.ttf", ("-Regular", "-Bold")),
    ("LiberationSans{}.ttf", ("-Regular", "-Bold")),
    ("NotoSerif{}.ttf", ("-Regular",)),
    ("OpenSans{}.ttf", ("-Regular",)),
    ("PT{}.ttf", ("F55F",)),
    ("NotoSans{}.ttf", ("-Regular",)),
    ("GentiumBookPlus{}.ttf", ("-Regular",)),
    ("Ubuntu{}.ttf", ("-Regular",)),
)


def _named(table: tuple[tuple[str, tuple[str, ...]], ...], most: int | None = None) -> list[Path]:
    """Of each row the first ``most`` styles, those of them that are installed."""
    names = [stem.format(style) for stem, styles in table for style in styles[:most]]
    return [Path(path) for name in names if (path := path_of(name))]


@lru_cache(maxsize=1)
def train_fonts() -> tuple[Path, ...]:
    """Training faces installed on this machine; regular styles are listed (so, drawn) twice."""
    return (*_named(TRAIN), *_named(TRAIN, 1))


@lru_cache(maxsize=1)
def held_out_fonts() -> tuple[Path, ...]:
    """Faces that are used by the evaluation only."""
    return tuple(_named(HELD_OUT))


@lru_cache(maxsize=1)
def bold_of() -> dict[Path, Path]:
    """The bold face that goes with a regular one (for table headers)."""
    out: dict[Path, Path] = {}
    for stem, styles in (*TRAIN, *HELD_OUT):
        regular = path_of(stem.format(styles[0]))
        for s in styles:
            bold = path_of(stem.format(s))
            if regular and bold and s.strip(" -_").lower() in {"bold", "b", "demi"}:
                out[Path(regular)] = Path(bold)
    return out


@dataclass(frozen=True)
class Metrics:
    """Measures of a font per em; with ``at``, in pixels."""

    advance: NDArray[np.float32]  # of the characters of the alphabet
    top: float  # ink top and bottom of tall characters, from the baseline (down is positive)
    bottom: float
    middle: float  # half of the x-height line

    def at(self, size: int) -> Metrics:
        """The same at ``size`` pixels per em."""
        values = (self.top * size, self.bottom * size, self.middle * size)
        return Metrics(self.advance * np.float32(size), *values)

    def width(self, text: str) -> float:
        """Sum of the advances: an estimate, kerning aside."""
        return float(self.advances(text).sum())

    def advances(self, text: str) -> NDArray[np.float32]:
        """The advance of every character of ``text``."""
        return self.advance[[CLASS[c] - 1 for c in text]]


@cache
def metrics(path: Path | str) -> Metrics:
    """Measure a font once, at a size where hinting hardly matters."""
    size = 200
    font = ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)
    advance = np.array([font.getlength(c) for c in ALPHABET], np.float32)
    _, top, _, bottom = font.getbbox("Abdfgjpqy|()/Q", anchor="ls")
    _, x_top, _, x_bottom = font.getbbox("x", anchor="ls")
    return Metrics(
        advance / np.float32(size), top / size, bottom / size, (x_top + x_bottom) / 2 / size
    )


@cache
def characters(path: str) -> frozenset[str]:
    """The characters of the alphabet that a face has."""
    with TTFont(path, lazy=True, fontNumber=0) as font:
        have = font.getBestCmap()
    return frozenset(c for c in ALPHABET if ord(c) in have)


@lru_cache(maxsize=600)  # an open face takes up to a megabyte
def face(path: Path | str, size: int, *, raqm: bool = False) -> ImageFont.FreeTypeFont:
    """Load ``path`` at ``size`` pixels per em."""
    layout = ImageFont.Layout.RAQM if raqm else ImageFont.Layout.BASIC
    return ImageFont.truetype(str(path), size, layout_engine=layout)
