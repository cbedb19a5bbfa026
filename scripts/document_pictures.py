# SPDX-License-Identifier: Apache-2.0
"""Make the pictures of the documentation of the sample paper: a page, its blocks, and the HTML.

    python scripts/document_pictures.py docs/paper

The built-in models read it. It needs playwright, of the [dev] extra, and Chromium in the PATH.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from ppocrvl.cli.main import run_command
from ppocrvl.parsing.sources.opening import open_document

ROOT = Path(__file__).resolve().parent.parent
PAPER = Path("samples/paper.pdf")
"""From there, as the HTML shows it."""
PAGE_WIDTH, HTML_WIDTH = 440, 880
WINDOW = {"width": 1200, "height": 900}
MARKED = 3
"""The block that the pointer is on."""
MAX_BYTES = 80_000


def main() -> None:
    """All three."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder.resolve()
    os.chdir(ROOT)
    folder.mkdir(parents=True, exist_ok=True)
    with open_document(PAPER) as source:
        save(Image.fromarray(source.render(0).pixels), PAGE_WIDTH, folder / "page.png")
    with tempfile.TemporaryDirectory() as made:
        code = run_command(["parse", str(PAPER), "-o", made, "--to", "html", "--draw"])
        if code != 0:
            sys.exit(f"ppocrvl parse ended with {code}")
        with Image.open(Path(made) / "paper-page-1-blocks.jpg") as blocks:
            save(blocks, PAGE_WIDTH, folder / "blocks.png")
        save(screenshot(Path(made) / "paper.html"), HTML_WIDTH, folder / "html.png")


def screenshot(path: Path) -> Image.Image:
    """The beginning of the HTML, with a block marked on both sides."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page(viewport=WINDOW)
        page.goto(path.as_uri())
        page.locator("article").nth(MARKED).hover()
        page.evaluate("scrollTo(0, 0)")
        data = page.screenshot()
        browser.close()
    return Image.open(io.BytesIO(data))


def save(image: Image.Image, width: int, path: Path) -> None:
    """As a PNG file of this width, with as many colours as it may have bytes for."""
    height = round(image.height * width / image.width)
    small = image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    for n_colours in (128, 64, 32, 16):
        small.quantize(n_colours, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size <= MAX_BYTES:
            return
    sys.exit(f"{path} has {path.stat().st_size:,} bytes, over {MAX_BYTES:,}; make it narrower")


if __name__ == "__main__":
    main()
