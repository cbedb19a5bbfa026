# SPDX-License-Identifier: Apache-2.0
"""Take the screenshots of the server's page that docs/server.md shows, in headless Chromium.

    ppocrvl serve &
    python scripts/page_screenshots.py http://127.0.0.1:8080

It needs playwright, of the [dev] extra, and Chromium in the PATH.
"""

from __future__ import annotations

import argparse
import io
import shutil
from pathlib import Path
from typing import Any

from PIL import Image, ImageFilter
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
DESKTOP = {"viewport": {"width": 1000, "height": 760}}
WIDE = {"viewport": {"width": 1100, "height": 760}}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 1.5,
    "color_scheme": "dark",
    "has_touch": True,
    "is_mobile": True,
}


def main() -> None:
    """All of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("url", metavar="URL", help="of a server with the built-in model")
    url = parser.parse_args().url
    samples = ROOT / "samples"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        take(browser, url, DESKTOP, "Text", [samples / "hello.png", blurred(samples / "hello.png")])
        take(browser, url, PHONE, "Table", [samples / "table.png"])
        take_document(browser, url, WIDE, samples / "paper.pdf")
        take_document(browser, url, PHONE, samples / "paper.pdf")
        browser.close()


def blurred(path: Path) -> dict[str, Any]:
    """A picture of which the model is not sure, as an upload."""
    data = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").filter(ImageFilter.GaussianBlur(2.2)).save(data, "png")
    return {"name": "blurred.png", "mimeType": "image/png", "buffer": data.getvalue()}


def take(browser: Browser, url: str, look: dict[str, Any], task: str, pictures: list[Any]) -> None:
    """One screenshot, of the pictures read."""
    page = browser.new_page(**look)
    page.goto(url)
    page.get_by_label(task, exact=True).check()
    for picture in reversed(pictures):  # the latest stands first
        page.set_input_files("#file", picture)
        page.wait_for_selector(".reading:first-child[data-state=done]")
    page.locator("#tasks input:checked").blur()
    page.evaluate("scrollTo(0, 0)")
    keep(page, f"page-{look.get('color_scheme', 'light')}.png", full_page=True)


def take_document(browser: Browser, url: str, look: dict[str, Any], path: Path) -> None:
    """One screenshot, of a document that was read, with a block marked on both sides."""
    page = browser.new_page(**look)
    page.goto(url)
    page.wait_for_selector("#tasks input[value=document]")
    page.set_input_files("#file", path)
    page.wait_for_selector(".document[data-state=done]", timeout=600_000)
    page.get_by_label("Reading order").set_checked("color_scheme" not in look)
    page.mouse.move(0, 0)
    page.locator(".document").evaluate("one => one.scrollIntoView()")
    page.wait_for_selector(".sheet img[src]")
    page.locator(".block").nth(3).evaluate("one => one.focus({ preventScroll: true })")
    page.wait_for_selector("g.marked")
    page.wait_for_selector("canvas[data-drawn]")
    page.locator(".sheet img").first.evaluate("one => one.decode()")
    keep(page, f"page-document-{look.get('color_scheme', 'light')}.png")


def keep(page: Page, name: str, *, full_page: bool = False) -> None:
    """The page as it looks, as a small file of the documentation."""
    path = ROOT / "docs" / name
    page.screenshot(path=path, full_page=full_page)
    with Image.open(path) as image:
        image.convert("RGB").quantize(224).save(path, optimize=True)
    page.close()


if __name__ == "__main__":
    main()
