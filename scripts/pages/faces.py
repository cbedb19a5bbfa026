# SPDX-License-Identifier: Apache-2.0
"""The faces that pages are set in: families for training, and others for evaluation alone.

They come from the Debian packages of ``scripts/tiny/packages.txt``. Where one may not install
packages, unpack them (``dpkg -x``) into a folder and name it in ``PAGES_ROOT``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

FOLDERS = ("usr/share/fonts", "usr/share/texmf/fonts")

_DEJAVU = ("", "-Bold", "-Oblique")
_PLAIN = ("-Regular", "-Bold", "-Italic")
# File name with the place of the style, and the styles: regular, bold, italic.
TRAIN = (
    ("DejaVuSans{}.ttf", _DEJAVU),
    ("DejaVuSerif{}.ttf", ("", "-Bold", "-Italic")),
    ("DejaVuSansCondensed{}.ttf", _DEJAVU),
    ("FreeSans{}.ttf", ("", "Bold", "Oblique")),
    ("FreeSerif{}.ttf", ("", "Bold", "Italic")),
    ("Roboto{}.ttf", _PLAIN),
    ("Lato{}.ttf", _PLAIN),
    ("Carlito{}.ttf", _PLAIN),
    ("Caladea{}.ttf", _PLAIN),
    ("Inter{}.otf", _PLAIN),
    ("LinLibertine_R{}.otf", ("", "B", "I")),
    ("LinBiolinum_R{}.otf", ("", "B", "I")),
    ("NimbusRoman{}.otf", _PLAIN),
    ("NimbusSans{}.otf", _PLAIN),
    ("NimbusSansNarrow{}.otf", ("-Regular", "-Bold", "-Oblique")),
    ("C059{}.otf", ("-Roman", "-Bold", "-Italic")),
    ("P052{}.otf", ("-Roman", "-Bold", "-Italic")),
    ("URWBookman{}.otf", ("-Light", "-Demi", "-LightItalic")),
    ("URWGothic{}.otf", ("-Book", "-Demi", "-BookOblique")),
    ("CharisSIL{}.ttf", _PLAIN),
    ("lmroman10{}.otf", ("-regular", "-bold", "-italic")),
    ("lmsans10{}.otf", ("-regular", "-bold", "-oblique")),
    ("Vollkorn{}.ttf", _PLAIN),
    ("STIX{}.otf", _PLAIN),
    ("GilliusADF{}.otf", _PLAIN),
    ("Cabin{}.otf", _PLAIN),
    ("texgyretermes{}.otf", ("-regular", "-bold", "-italic")),
    ("texgyreheros{}.otf", ("-regular", "-bold", "-italic")),
    ("texgyrepagella{}.otf", ("-regular", "-bold", "-italic")),
    ("SourceSansPro{}.otf", ("-Regular", "-Bold", "-It")),
    ("SourceSerifPro{}.otf", ("-Regular", "-Bold", "-It")),
)
HELD_OUT = (
    ("LiberationSerif{}.ttf", _PLAIN),
    ("LiberationSans{}.ttf", _PLAIN),
    ("NotoSerif{}.ttf", _PLAIN),
    ("NotoSans{}.ttf", _PLAIN),
    ("OpenSans{}.ttf", _PLAIN),
    ("PTF{}F.ttf", ("55", "75", "56")),
    ("GentiumBookPlus{}.ttf", _PLAIN),
    ("Ubuntu{}.ttf", _PLAIN),
)
MONO = (
    "DejaVuSansMono.ttf",
    "NimbusMonoPS-Regular.otf",
    "lmmono10-regular.otf",
    "Hack-Regular.ttf",
)
MONO_HELD_OUT = ("LiberationMono-Regular.ttf", "CascadiaMono-Regular.ttf")
# Greek letters, signs of mathematics and bullets, which not every face has.
SIGNS = "DejaVuSans.ttf"


@dataclass(frozen=True)
class Family:
    """The files of a family."""

    regular: str
    bold: str
    italic: str


@dataclass(frozen=True)
class Faces:
    """What one set of pages is set in."""

    families: tuple[Family, ...]
    mono: tuple[str, ...]


def root() -> Path:
    """Where Debian's files are: ``PAGES_ROOT`` or the machine's own root."""
    return Path(os.environ.get("PAGES_ROOT", "/"))


@lru_cache(maxsize=1)
def _installed() -> dict[str, str]:
    roots = [root(), Path("/")]
    found = (p for r in roots for f in FOLDERS for p in sorted((r / f).rglob("*.[ot]t[cf]")))
    files: dict[str, str] = {}
    for path in found:
        files.setdefault(path.name, str(path))
    return files


def path_of(name: str) -> str | None:
    """The installed font file called ``name``, or None."""
    return _installed().get(name)


def find(name: str) -> str:
    """The installed font file called ``name``.

    Raises:
        FileNotFoundError: It is not installed.
    """
    path = path_of(name)
    if path is None:
        raise FileNotFoundError(
            f"no font {name}: install the packages of scripts/tiny/packages.txt"
        )
    return path


@cache
def faces(*, held_out: bool) -> Faces:
    """Training or held-out faces, those of them that are installed.

    Raises:
        FileNotFoundError: None of them is.
    """
    have = _installed()
    table, mono = (HELD_OUT, MONO_HELD_OUT) if held_out else (TRAIN, MONO)
    families = []
    for stem, styles in table:
        names = [stem.format(style) for style in styles]
        if names[0] in have:
            families.append(Family(*(have.get(name, have[names[0]]) for name in names)))
    if not families:
        raise FileNotFoundError("no fonts: scripts/tiny/packages.txt names the packages")
    return Faces(tuple(families), tuple(have[name] for name in mono if name in have))


@lru_cache(maxsize=200)  # an open face takes up to a megabyte
def font(path: str, size: int) -> ImageFont.FreeTypeFont:
    """The face at ``size`` pixels per em."""
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


@dataclass(frozen=True)
class Glyphs:
    """A word's ink: a mask whose corner lies at (left, top) from the start of the baseline."""

    mask: Image.Image | None  # None for a word without ink
    left: int
    top: int
    advance: float


class Letters(dict[str, Glyphs]):
    """The letters of a face at a size, each drawn when it is first asked for."""

    def __init__(self, path: str, size: int) -> None:
        super().__init__()
        self._face = path, size

    def __missing__(self, letter: str) -> Glyphs:
        face = font(*self._face)
        left, top, right, bottom = face.getbbox(letter, anchor="ls")
        mask = Image.new("L", (max(1, int(right - left)), max(1, int(bottom - top))))
        ImageDraw.Draw(mask).text((-left, -top), letter, font=face, fill=255, anchor="ls")
        ink = mask.getbbox()
        advance = face.getlength(letter)
        if ink is None:
            drawn = Glyphs(None, 0, 0, advance)
        else:
            drawn = Glyphs(mask.crop(ink), int(left) + ink[0], int(top) + ink[1], advance)
        self[letter] = drawn
        return drawn


@lru_cache(maxsize=4000)
def letters(path: str, size: int) -> Letters:
    """The letters of the face at ``size`` pixels per em."""
    return Letters(path, size)


def advance(path: str, size: int, word: str) -> float:
    """How far ``word`` moves the pen."""
    drawn = letters(path, size)
    return sum([drawn[c].advance for c in word])


@lru_cache(maxsize=50_000)
def glyphs(path: str, size: int, word: str) -> Glyphs:
    """A word put together from its letters, without kerning: a tenth of the time of FreeType's."""
    drawn, pen = letters(path, size), 0.0
    placed: list[tuple[Glyphs, int]] = []
    for c in word:
        letter = drawn[c]
        if letter.mask is not None:
            placed.append((letter, round(pen) + letter.left))
        pen += letter.advance
    if not placed:
        return Glyphs(None, 0, 0, pen)
    left, top = min(x for _, x in placed), min(g.top for g, _ in placed)
    right = max(x + g.mask.width for g, x in placed if g.mask)
    bottom = max(g.top + g.mask.height for g, _ in placed if g.mask)
    mask = Image.new("L", (right - left, bottom - top))
    for g, x in placed:
        mask.paste(255, (x - left, g.top - top), g.mask)
    return Glyphs(mask, left, top, pen)
