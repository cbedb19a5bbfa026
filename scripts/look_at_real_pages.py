# SPDX-License-Identifier: Apache-2.0
"""Draws what the layout model finds on pages that others made, and counts the text it covers.

    python scripts/look_at_real_pages.py --work DIR

fetches documents from Debian and PyPI (apt-get, dpkg, pip), renders pages of them, calls
`ppocrvl layout --draw`, and writes the table and the pictures of docs/layout.md. What was fetched
and rendered stays in the folder. --layout names another layout model.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from ppocrvl.errors import PpocrvlError
from ppocrvl.parsing.sources.opening import open_document
from real_pages.chosen import SETS, SHOWN
from real_pages.fetch import fetch
from real_pages.words import covered, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from real_pages.chosen import Set

DOCS = Path(__file__).resolve().parent.parent / "docs"
BEGIN = "<!-- real pages: written by scripts/look_at_real_pages.py -->"
END = "<!-- end of real pages -->"
GOAL = 0.99
"""Of the words of a text layer, so many are to lie in a region."""
SIDE, MOST_BYTES = 700, 60_000  # of a picture in the document
QUALITIES = range(85, 20, -5)


@dataclass
class Count:
    """What was found on the pages of a set.

    Attributes:
        pages: number of them.
        regions: of the model.
        of_ink: regions that the model did not find, made of the ink that it left.
        words: of the text layers.
        lost: words in no region.
        found: words in a region of the model.
        worst: share and name of pages that lose words.
    """

    pages: int = 0
    regions: int = 0
    of_ink: int = 0
    words: int = 0
    lost: int = 0
    found: int = 0
    worst: list[tuple[float, str]] = field(default_factory=list)


def rendered(chosen: Set, work: Path) -> Iterator[tuple[Path, NDArray[np.float64]]]:
    """The pictures of a set's pages, and the boxes of their words."""
    for path in chosen.documents(work / "fetched"):
        try:
            with open_document(path) as document:
                for index in chosen.pages(document.n_pages):
                    page = document.render(index)
                    height, width, _ = page.pixels.shape
                    words = words_of(document.text_layer(index), (width, height))
                    picture = work / "pages" / f"{path.stem}-{index + 1}.png"
                    picture.parent.mkdir(exist_ok=True)
                    Image.fromarray(page.pixels).save(picture)
                    yield picture, words
        except PpocrvlError as error:  # some are broken, for that is what they test
            print(f"left out: {error}", file=sys.stderr)


def looked_at(pictures: Sequence[Path], drawn: Path, layout: str | None) -> list[dict[str, Any]]:
    """What `ppocrvl layout` says of each picture."""
    command = [sys.executable, "-m", "ppocrvl", "layout", "--json", "--draw", str(drawn)]
    command += [] if layout is None else ["--layout", layout]
    done = subprocess.run(
        [*command, *map(str, pictures)], check=True, stdout=subprocess.PIPE, text=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def counted(chosen: Set, work: Path, layout: str | None) -> Count:
    """Looks at all pages of a set."""
    pages = dict(rendered(chosen, work))
    count = Count(pages=len(pages))
    for (picture, words), found in zip(
        pages.items(), looked_at(list(pages), work / "drawn", layout), strict=True
    ):
        regions = found["regions"]
        is_in = covered(words, [region["box"] for region in regions])
        of_model = [region["box"] for region in regions if region["score"] > 0]
        count.regions += len(of_model)
        count.of_ink += len(regions) - len(of_model)
        count.found += int(covered(words, of_model).sum())
        count.words += len(words)
        count.lost += int((~is_in).sum())
        if not is_in.all():
            count.worst.append((float(is_in.mean()), picture.stem))
    return count


def table(counts: dict[str, Count]) -> list[str]:
    """The counts as Markdown, with their sum."""
    numbers = ("pages", "regions", "of_ink", "words", "lost", "found")
    total = Count(*(sum(getattr(one, name) for one in counts.values()) for name in numbers))
    head = ("documents", "pages", "regions a page", "of ink alone", "words")
    lines = [
        f"| {' | '.join((*head, 'in a region of the model', f'in any (goal: {GOAL:.0%})'))} |",
        f"|{'---|' * 7}",
    ]
    for name, one in [*counts.items(), ("all", total)]:
        regions = one.regions + one.of_ink
        shares = [
            f"{covers / one.words:.2%}" if one.words else "no text layer"
            for covers in (one.found, one.words - one.lost)
        ]
        cells = f"{regions / max(1, one.pages):.1f} | {one.of_ink / max(1, regions):.0%}"
        lines.append(f"| {name} | {one.pages} | {cells} | {one.words:,} | {' | '.join(shares)} |")
    return lines


def small(picture: Path) -> bytes:
    """A drawing as a JPEG for the document."""
    with Image.open(picture) as image:
        image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        for quality in QUALITIES:
            out = BytesIO()
            image.convert("RGB").save(out, "JPEG", quality=quality, optimize=True)
            if out.tell() <= MOST_BYTES:
                break
    return out.getvalue()


def shown(work: Path) -> Iterator[str]:
    """The pictures, written to docs/layout/, as Markdown."""
    folder = DOCS / "layout"
    folder.mkdir(exist_ok=True)
    for one in SHOWN:
        file = folder / f"{one.page}.jpg"
        file.write_bytes(small(work / "drawn" / f"{one.page}-layout.png"))
        yield from ("", f"{one.about} {one.word}", "", f"![{one.page}](layout/{file.name})")


def write(lines: list[str]) -> None:
    """Between the marks of docs/layout.md."""
    path = DOCS / "layout.md"
    before, rest = path.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    path.write_text("\n".join([before + BEGIN, "", *lines, "", END]) + after, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, metavar="DIR")
    parser.add_argument("--layout", metavar="FILE", help="default: the built-in layout model")
    parser.add_argument("--dry", action="store_true", help="only print the table")
    args = parser.parse_args()
    fetch(args.work / "fetched")
    counts = {one.name: counted(one, args.work, args.layout) for one in SETS}
    lines = table(counts)
    print("\n".join(lines))
    for name, one in counts.items():
        for share, page in sorted(one.worst)[:5]:
            print(f"{name}: {page}: {share:.1%} of its words in a region", file=sys.stderr)
    if not args.dry:
        write([*lines, *shown(args.work)])


if __name__ == "__main__":
    main()
