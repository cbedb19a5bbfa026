# SPDX-License-Identifier: Apache-2.0
"""Small corpora, and what a run over one wrote."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image
from tests.parsing.sources.pdf_writer import pdf

from ppocrvl.batch.manifest import FOLDER
from ppocrvl.batch.settings import Models, Settings
from ppocrvl.parsing.parse_options import ParseOptions


def settings_for(folder: Path, **changes: Any) -> Settings:
    """Of a run whose models nobody loads."""
    models = Models(Path("llm"), Path("mmproj"), None, ("1", "2"), built_in=False)
    made = Settings(("in",), folder.parent, folder, models, ParseOptions(), {"deterministic": True})
    return replace(made, **changes)


def line_image(samples: Path, cut: int) -> Image.Image:
    """A line of print, a little narrower by `cut` pixels, so that no two are equal."""
    with Image.open(samples / "hello.png") as picture:
        width, height = picture.size
        return picture.convert("RGB").crop((0, 0, width - cut, height))


def write_corpus(folder: Path, samples: Path, *, n_images: int = 6, n_pages: int = 4) -> Path:
    """Images of a line, in folders; a TIFF with several pages; a PDF; one file that is broken."""
    inside = folder / "sub"
    inside.mkdir(parents=True)
    for number in range(n_images):
        target = inside if number % 2 else folder
        line_image(samples, number).save(target / f"line-{number}.png")
    pages = [line_image(samples, 20 + number) for number in range(n_pages)]
    pages[0].save(folder / "scan.tiff", save_all=True, append_images=pages[1:], dpi=(144, 144))
    (folder / "empty.pdf").write_bytes(pdf(b"BT /F 24 Tf 72 700 Td (Hello) Tj ET"))
    (inside / "broken.pdf").write_text("no PDF at all")
    return folder


def written(out: Path) -> dict[str, bytes]:
    """The output, without what is kept beside it."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.relative_to(out).parts[0] != FOLDER
    }
