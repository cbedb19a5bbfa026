# SPDX-License-Identifier: Apache-2.0
"""The faces that lines, paragraphs and tables are set in, as families of up to four styles.

They come from the Debian packages of ``packages.txt``, the last ones of each list from packages of
PyPI (docs/tiny-model.md); see ``pages.faces`` for where they are looked for. The held-out ones, and
near-copies of them, are never trained on.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from pages import faces

_FOUR = ("-Regular", "-Bold", "-Italic", "-BoldItalic")
_OBLIQUE = ("-Bold", "-Oblique", "-BoldOblique")
_LIGHT = ("-Light", "-SemiBold", "-LightItalic", "-SemiBoldItalic")
_LOWER = ("-regular", "-bold", "-italic", "-bolditalic")
_IT = ("-Regular", "-Bold", "-It", "-BoldIt")
_BLACK = ("-Medium", "-Black", "-MediumItalic", "-BlackItalic")
# File name with the place of the style; regular, bold, italic, bold italic, as far as there are.
TRAIN = (
    ("DejaVuSans{}.ttf", ("", *_OBLIQUE)),
    ("DejaVuSansCondensed{}.ttf", ("", *_OBLIQUE)),
    ("DejaVuSerif{}.ttf", ("", "-Bold", "-Italic", "-BoldItalic")),
    ("FreeSans{}.ttf", ("", "Bold", "Oblique", "BoldOblique")),
    ("FreeSerif{}.ttf", ("", "Bold", "Italic", "BoldItalic")),
    ("Roboto{}.ttf", _FOUR),
    ("RobotoSlab{}.otf", ("-Regular", "-Bold")),
    ("Lato{}.ttf", _FOUR),
    ("Lato{}.ttf", ("-Light", "-Semibold", "-LightItalic", "-SemiboldItalic")),
    ("Lato{}.ttf", _BLACK),
    ("Carlito{}.ttf", _FOUR),
    ("Caladea{}.ttf", _FOUR),
    ("Inter{}.otf", _FOUR),
    ("Inter{}.otf", _LIGHT),
    ("InterDisplay{}.otf", _BLACK),
    ("Cantarell{}.otf", ("-Regular", "-Bold")),
    ("Cantarell{}.otf", ("-Light", "-ExtraBold")),
    ("LinLibertine_{}.otf", ("R", "RB", "RI", "RBI")),
    ("LinBiolinum_{}.otf", ("R", "RB", "RI")),
    ("NimbusRoman{}.otf", _FOUR),
    ("NimbusSans{}.otf", _FOUR),
    ("NimbusSansNarrow{}.otf", ("-Regular", *_OBLIQUE)),
    ("C059{}.otf", ("-Roman", "-Bold", "-Italic", "-BdIta")),
    ("P052{}.otf", ("-Roman", "-Bold", "-Italic", "-BoldItalic")),
    ("URWBookman{}.otf", ("-Light", "-Demi", "-LightItalic", "-DemiItalic")),
    ("URWGothic{}.otf", ("-Book", "-Demi", "-BookOblique", "-DemiOblique")),
    ("CharisSIL{}.ttf", _FOUR),
    ("Andika{}.ttf", _FOUR),
    ("DoulosSIL{}.ttf", ("-Regular",)),
    ("Oxygen-Sans{}.ttf", ("", "-Bold")),
    ("lmroman10{}.otf", ("-regular", "-bold", "-italic", "-bolditalic")),
    ("lmroman8{}.otf", ("-regular", "-bold", "-italic")),
    ("lmsans10{}.otf", ("-regular", "-bold", "-oblique", "-boldoblique")),
    ("Go{}.ttf", ("-Regular", "-Bold", "-Italic", "-Bold-Italic")),
    ("Vollkorn{}.ttf", _FOUR),
    ("EBGaramond12{}.otf", ("-Regular", "-Bold", "-Italic")),
    ("STIX{}.otf", _FOUR),
    ("B612{}.otf", _FOUR),
    ("Karla{}.otf", _FOUR),
    ("Cabin{}.otf", _FOUR),
    ("GilliusADF{}.otf", _FOUR),
    ("GilliusADF{}.otf", ("-Cond", "-BoldCond", "-CondItalic", "-BoldCondItalic")),
    ("Mplus1{}.otf", ("-Regular", "-Bold")),
    ("PTS{}F.ttf", ("55", "75", "56", "76")),
    ("Kinnari{}.ttf", ("", "-Bold", "-Italic", "-BoldItalic")),
    ("Laksaman{}.ttf", ("", "-Bold", "-Italic", "-BoldItalic")),
    ("Dustismo_Roman{}.ttf", ("", "_Bold", "_Italic", "_Italic_Bold")),
    ("texgyretermes{}.otf", _LOWER),
    ("texgyreheros{}.otf", _LOWER),
    ("texgyreheroscn{}.otf", _LOWER),
    ("texgyrepagella{}.otf", _LOWER),
    ("texgyreschola{}.otf", _LOWER),
    ("texgyrebonum{}.otf", _LOWER),
    ("texgyreadventor{}.otf", _LOWER),
    ("SourceSansPro{}.otf", _IT),
    ("SourceSerifPro{}.otf", _IT),
    ("XCharter{}.otf", _FOUR),
    ("EBGaramond{}.ttf", _FOUR),
    ("Raleway{}.ttf", _FOUR),
    ("Poppins{}.ttf", _FOUR),
    ("OpenSauceSans{}.ttf", _FOUR),
    ("Mukta{}.ttf", ("-Regular", "-Bold")),
)
HELD_OUT = (
    ("LiberationSerif{}.ttf", _FOUR),
    ("LiberationSans{}.ttf", _FOUR),
    ("NotoSerif{}.ttf", _FOUR),
    ("NotoSans{}.ttf", _FOUR),
    ("OpenSans{}.ttf", _FOUR),
    ("PTF{}F.ttf", ("55", "75", "56", "76")),
    ("GentiumBookPlus{}.ttf", _FOUR),
    ("Ubuntu{}.ttf", _FOUR),
)
MONO = (
    ("DejaVuSansMono{}.ttf", ("", *_OBLIQUE)),
    ("NimbusMonoPS{}.otf", _FOUR),
    ("lmmono10{}.otf", ("-regular", "", "-italic")),
    ("Hack{}.ttf", _FOUR),
    ("FreeMono{}.ttf", ("", "Bold", "Oblique", "BoldOblique")),
    ("JetBrainsMono{}.ttf", _FOUR),
    ("Go-Mono{}.ttf", ("", "-Bold", "-Italic", "-Bold-Italic")),
    ("B612Mono{}.otf", _FOUR),
    ("texgyrecursor{}.otf", _LOWER),
    ("SourceCodePro{}.ttf", _IT),
)
MONO_HELD_OUT = (("LiberationMono{}.ttf", _FOUR), ("CascadiaMono{}.ttf", _FOUR))


@dataclass(frozen=True)
class Family:
    """The files of a family; a style that it lacks is the regular one."""

    regular: str
    bold: str
    italic: str
    bold_italic: str


@dataclass(frozen=True)
class Shelf:
    """What one kind of pictures is set in."""

    families: tuple[Family, ...]
    mono: tuple[Family, ...]


def _families(table: tuple[tuple[str, tuple[str, ...]], ...]) -> tuple[Family, ...]:
    out = []
    for stem, styles in table:
        paths = [faces.path_of(stem.format(style)) for style in styles]
        if paths[0] is None:
            continue
        found = [path or paths[0] for path in paths]
        out.append(Family(*(found + [paths[0]] * (4 - len(found)))))
    return tuple(out)


@cache
def shelf(*, held_out: bool) -> Shelf:
    """The training or the held-out families, those of them that are installed.

    Raises:
        FileNotFoundError: none is, or no face of one width.
    """
    table, mono = (HELD_OUT, MONO_HELD_OUT) if held_out else (TRAIN, MONO)
    out = Shelf(_families(table), _families(mono))
    if not out.families or not out.mono:
        raise FileNotFoundError("no fonts: install the packages of scripts/tiny/packages.txt")
    return out
