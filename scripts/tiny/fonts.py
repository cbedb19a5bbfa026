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
_RBI = ("-Regular", "-Bold", "-Italic")
TRAIN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("truetype/dejavu/DejaVuSans{}.ttf", ("", "-Bold", "-Oblique")),
    ("truetype/dejavu/DejaVuSansCondensed{}.ttf", ("", "-Bold")),
    ("truetype/dejavu/DejaVuSerif{}.ttf", ("", "-Bold", "-Italic")),
    ("truetype/dejavu/DejaVuSansMono{}.ttf", ("", "-Bold")),
    ("truetype/freefont/FreeSans{}.ttf", ("", "Bold", "Oblique")),
    ("truetype/freefont/FreeSerif{}.ttf", ("", "Bold", "Italic")),
    ("truetype/freefont/FreeMono{}.ttf", ("", "Bold")),
    ("truetype/roboto/unhinted/RobotoTTF/Roboto{}.ttf", ("-Regular", "-Bold", "-Italic", "-Light")),
    ("truetype/roboto/unhinted/RobotoCondensed{}.ttf", ("-Regular", "-Bold")),
    ("opentype/roboto/slab/RobotoSlab{}.otf", ("-Regular", "-Bold")),
    ("truetype/lato/Lato{}.ttf", _RBI),
    ("truetype/crosextra/Carlito{}.ttf", _RBI),
    ("truetype/crosextra/Caladea{}.ttf", _RBI),
    ("opentype/cantarell/Cantarell{}.otf", ("-Regular", "-Bold")),
    ("opentype/inter/Inter{}.otf", (*_RBI, "-Medium")),
    ("opentype/ebgaramond/EBGaramond12{}.otf", _RBI),
    ("opentype/linux-libertine/LinLibertine_R{}.otf", ("", "B", "I")),
    ("opentype/linux-libertine/LinBiolinum_R{}.otf", ("", "B", "I")),
    ("opentype/urw-base35/NimbusRoman{}.otf", _RBI),
    ("opentype/urw-base35/NimbusSans{}.otf", _RBI),
    ("opentype/urw-base35/NimbusSansNarrow{}.otf", ("-Regular", "-Bold")),
    ("opentype/urw-base35/NimbusMonoPS{}.otf", ("-Regular", "-Bold")),
    ("opentype/urw-base35/C059{}.otf", ("-Roman", "-Bold", "-Italic")),
    ("opentype/urw-base35/P052{}.otf", ("-Roman", "-Bold", "-Italic")),
    ("opentype/urw-base35/URWBookman{}.otf", ("-Light", "-Demi", "-LightItalic")),
    ("opentype/urw-base35/URWGothic{}.otf", ("-Book", "-Demi")),
    ("truetype/charis/CharisSIL{}.ttf", _RBI),
    ("truetype/andika/Andika{}.ttf", _RBI),
    ("truetype/doulos/DoulosSIL{}.ttf", ("-Regular",)),
    ("truetype/oxygen/Oxygen-Sans{}.ttf", ("", "-Bold")),
    ("truetype/oxygen/OxygenMono-Regular{}.ttf", ("",)),
    ("truetype/quicksand/Quicksand{}.ttf", ("-Regular", "-Bold")),
    ("truetype/play/Play{}.ttf", ("-Regular", "-Bold")),
    ("truetype/jetbrains-mono/JetBrainsMono{}.ttf", ("-Regular", "-Bold")),
    ("truetype/hack/Hack{}.ttf", ("-Regular", "-Bold")),
    ("truetype/inconsolata/Inconsolata{}.otf", ("",)),
    ("/usr/share/texmf/fonts/opentype/public/lm/lmroman10{}.otf", ("-regular", "-bold", "-italic")),
    ("/usr/share/texmf/fonts/opentype/public/lm/lmsans10{}.otf", ("-regular", "-bold")),
    ("/usr/share/texmf/fonts/opentype/public/lm/lmmono10{}.otf", ("-regular",)),
    ("truetype/comfortaa/Comfortaa{}.ttf", ("-Regular",)),
    ("opentype/courier-prime/Courier Prime{}.otf", ("", " Bold")),
    ("fonts-go/Go{}.ttf", _RBI),
    ("fonts-go/Go-Mono{}.ttf", ("",)),
    ("truetype/vollkorn/Vollkorn{}.ttf", _RBI),
    ("opentype/stix-word/STIX{}.otf", _RBI),
    ("opentype/didot/GFSDidot{}.otf", ("", "Bold")),
    ("opentype/b612/B612{}.otf", _RBI),
    ("truetype/fanwood/FanwoodText{}.otf", ("", "-Italic")),
    ("opentype/sortsmill/GoudyBookletter1911{}.otf", ("",)),
    ("opentype/dosis/Dosis{}.otf", ("-Medium", "-Bold")),
    ("truetype/karla/Karla{}.otf", _RBI),
    ("truetype/fonts-oldstandard/OldStandard{}.ttf", _RBI),
    ("truetype/paratype/PT{}.ttf", ("S55F", "S75F", "S56F", "M55F", "N57F")),
    ("truetype/adf/BaskervaldADFStd{}.otf", ("", "-Bold", "-Italic")),
    ("truetype/adf/GilliusADF{}.otf", _RBI),
    ("truetype/adf/AccanthisADFStd{}.otf", _RBI),
    ("truetype/tlwg/Garuda{}.ttf", ("", "-Bold")),
    ("truetype/tlwg/Kinnari{}.ttf", ("", "-Bold")),
    ("truetype/tlwg/Laksaman{}.ttf", ("", "-Bold")),
    ("truetype/tlwg/Norasi{}.ttf", ("", "-Bold")),
    ("opentype/mplus/Mplus1{}.otf", ("-Regular", "-Bold")),
    ("truetype/dustin/Dustismo_Roman{}.ttf", ("", "_Bold")),
    ("opentype/cabin/Cabin{}.otf", _RBI),
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
