# SPDX-License-Identifier: Apache-2.0
"""Which fonts train the model and which are held out.

All come from Debian packages (``PACKAGES``); none is committed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import ImageFont

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROOT = Path("/usr/share/fonts")

# A pattern is "file stem under ROOT, styles": each style is appended to the stem.
# Plain upright text faces: what most documents are set in.
_RB = ("-Regular", "-Bold")
TRAIN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("truetype/dejavu/DejaVuSans{}.ttf", ("", "-Bold")),
    ("truetype/dejavu/DejaVuSerif{}.ttf", ("", "-Bold")),
    ("truetype/freefont/FreeSans{}.ttf", ("", "Bold")),
    ("truetype/freefont/FreeSerif{}.ttf", ("", "Bold")),
    ("truetype/roboto/unhinted/RobotoTTF/Roboto{}.ttf", _RB),
    ("opentype/roboto/slab/RobotoSlab{}.otf", _RB),
    ("truetype/lato/Lato{}.ttf", _RB),
    ("truetype/crosextra/Carlito{}.ttf", _RB),
    ("truetype/crosextra/Caladea{}.ttf", _RB),
    ("opentype/cantarell/Cantarell{}.otf", _RB),
    ("opentype/inter/Inter{}.otf", _RB),
    ("opentype/linux-libertine/LinLibertine_R{}.otf", ("", "B")),
    ("opentype/linux-libertine/LinBiolinum_R{}.otf", ("", "B")),
    ("opentype/urw-base35/NimbusRoman{}.otf", _RB),
    ("opentype/urw-base35/NimbusSans{}.otf", _RB),
    ("opentype/urw-base35/C059{}.otf", ("-Roman", "-Bold")),
    ("opentype/urw-base35/P052{}.otf", ("-Roman", "-Bold")),
    ("opentype/urw-base35/URWBookman{}.otf", ("-Light",)),
    ("truetype/charis/CharisSIL{}.ttf", _RB),
    ("truetype/andika/Andika{}.ttf", _RB),
    ("truetype/doulos/DoulosSIL{}.ttf", ("-Regular",)),
    ("truetype/oxygen/Oxygen-Sans{}.ttf", ("", "-Bold")),
    ("/usr/share/texmf/fonts/opentype/public/lm/lmroman10{}.otf", ("-regular", "-bold")),
    ("/usr/share/texmf/fonts/opentype/public/lm/lmsans10{}.otf", ("-regular",)),
    ("fonts-go/Go{}.ttf", _RB),
    ("truetype/vollkorn/Vollkorn{}.ttf", _RB),
    ("opentype/stix-word/STIX{}.otf", _RB),
    ("opentype/b612/B612{}.otf", _RB),
    ("truetype/karla/Karla{}.otf", _RB),
    ("truetype/paratype/PT{}.ttf", ("S55F", "S75F")),
    ("truetype/adf/GilliusADF{}.otf", _RB),
    ("truetype/tlwg/Kinnari{}.ttf", ("",)),
    ("truetype/tlwg/Laksaman{}.ttf", ("",)),
    ("opentype/mplus/Mplus1{}.otf", _RB),
    ("truetype/dustin/Dustismo_Roman{}.ttf", ("",)),
    ("opentype/cabin/Cabin{}.otf", _RB),
    ("truetype/dejavu/DejaVuSansMono{}.ttf", ("", "-Bold")),
    ("truetype/jetbrains-mono/JetBrainsMono{}.ttf", ("-Regular",)),
    ("truetype/hack/Hack{}.ttf", ("-Regular",)),
)

# Plain text faces that training never sees, nor their near-copies (Arimo and Tinos).
HELD_OUT: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("truetype/liberation/LiberationSerif{}.ttf", ("-Regular", "-Bold")),
    ("truetype/liberation/LiberationSans{}.ttf", ("-Regular", "-Bold")),
    ("truetype/noto/NotoSerif{}.ttf", ("-Regular",)),
    ("truetype/open-sans/OpenSans{}.ttf", ("-Regular",)),
    ("truetype/paratype/PT{}.ttf", ("F55F",)),
    ("truetype/noto/NotoSans{}.ttf", ("-Regular",)),
)

PACKAGES = Path(__file__).with_name("packages.txt").read_text(encoding="utf-8").split()
FIRST = 12  # training starts with this many upright faces


def _paths(table: tuple[tuple[str, tuple[str, ...]], ...]) -> list[Path]:
    return [p for stem, styles in table for s in styles if (p := ROOT / stem.format(s)).exists()]


@lru_cache(maxsize=1)
def train_fonts() -> tuple[Path, ...]:
    """Training faces installed on this machine; regular styles are listed (so, drawn) twice."""
    paths = _paths(TRAIN)
    regular = [ROOT / stem.format(styles[0]) for stem, styles in TRAIN]
    return tuple(paths + [p for p in regular if p.exists()])


@lru_cache(maxsize=1)
def first_fonts() -> tuple[Path, ...]:
    """A few upright faces for the first minutes of training."""
    regular = [ROOT / stem.format(styles[0]) for stem, styles in TRAIN]
    return tuple([p for p in regular if p.exists()][:FIRST])


@lru_cache(maxsize=1)
def held_out_fonts() -> tuple[Path, ...]:
    """Faces that are used by the evaluation only."""
    return tuple(_paths(HELD_OUT))


@lru_cache(maxsize=1)
def bold_of() -> dict[Path, Path]:
    """The bold face that goes with a regular one (for table headers)."""
    out: dict[Path, Path] = {}
    for stem, styles in (*TRAIN, *HELD_OUT):
        for s in styles:
            if s.strip(" -_").lower() in {"bold", "b", "demi"} and (ROOT / stem.format(s)).exists():
                out[ROOT / stem.format(styles[0])] = ROOT / stem.format(s)
    return out


@dataclass(frozen=True)
class Metrics:
    """Measures of a font per em; with ``at``, in pixels."""

    advance: NDArray[np.float32]  # [95] for the characters 32..126
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
        """The advance of every character of ``text`` (printable ASCII)."""
        return self.advance[np.frombuffer(text.encode("ascii"), np.uint8) - 32]


@cache
def metrics(path: Path) -> Metrics:
    """Measure a font once, at a size where hinting hardly matters."""
    size = 200
    font = ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)
    advance = np.array([font.getlength(chr(c)) for c in range(32, 127)], np.float32)
    _, top, _, bottom = font.getbbox("Abdfgjpqy|()/Q", anchor="ls")
    _, x_top, _, x_bottom = font.getbbox("x", anchor="ls")
    return Metrics(
        advance / np.float32(size), top / size, bottom / size, (x_top + x_bottom) / 2 / size
    )


@lru_cache(maxsize=2000)
def face(path: Path, size: int, *, raqm: bool = False) -> ImageFont.FreeTypeFont:
    """Load ``path`` at ``size`` pixels per em."""
    layout = ImageFont.Layout.RAQM if raqm else ImageFont.Layout.BASIC
    return ImageFont.truetype(str(path), size, layout_engine=layout)
