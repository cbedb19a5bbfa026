# SPDX-License-Identifier: Apache-2.0
"""A document on the server's page whose lines the test writes, as the server would."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PIL import Image
from tests.document import made
from tests.server.browsing import expect

from ppocrvl.document.types import Picture
from ppocrvl.document.values import page_values
from ppocrvl.document.writers.html_block import blocks_html

if TYPE_CHECKING:
    from tests.server.browsing import Visit

    from ppocrvl.document.types import Block, PageData

FEED = """() => {
  const ask = window.fetch;
  window.fetch = (path, options = {}) => {
    if (path !== "v1/parse") {
      return ask(path, options);
    }
    const coder = new TextEncoder();
    const body = new ReadableStream({
      start(controller) {
        window.feed = (text) => controller.enqueue(coder.encode(text));
        window.endFeed = () => controller.close();
        options.signal.addEventListener("abort", () => {
          window.aborted = true;
          controller.error(options.signal.reason);
        });
      },
    });
    return Promise.resolve(new Response(body));
  };
}"""


def found(page: PageData) -> dict[str, Any]:
    """The line that tells its regions."""
    bare = [replace(one, text="", html=None, latex=None, lines=()) for one in page.blocks]
    return {"found": page_values(replace(page, blocks=tuple(bare)), with_bytes=True)}


def read(page: PageData, *blocks: Block) -> dict[str, Any]:
    """The line that tells what was read in these blocks of it."""
    return {"read": {"index": page.index, "html": blocks_html(blocks)}}


def finished(page: PageData) -> dict[str, Any]:
    """The line that tells all of it."""
    values = page_values(replace(page, image=None), with_bytes=True)
    return {**values, "html": blocks_html(page.blocks)}


class Fed:
    """A document whose lines the test writes."""

    def __init__(self, visit: Visit, n_pages: int = 1, name: str = "paper.pdf") -> None:
        self.visit = visit
        visit.page.evaluate(FEED)
        file = {"name": name, "mimeType": "application/pdf", "buffer": b"%PDF"}
        visit.page.set_input_files("#file", [file])
        visit.until("!!window.feed")
        self.feed({"name": name, "n_pages": n_pages, "n_read": n_pages})
        self.element = visit.page.locator(".document")

    def feed(self, *lines: dict[str, Any]) -> None:
        whole = "".join(json.dumps(one) + "\n" for one in lines)
        self.visit.page.evaluate("(text) => window.feed(text)", whole)

    def give(self, *pages: PageData) -> Any:
        """All of these pages, and the end."""
        self.feed(*(line for one in pages for line in (found(one), finished(one))))
        self.visit.page.evaluate("window.endFeed()")
        return self.wait("done")

    def wait(self, state: str) -> Any:
        expect(self.element).to_have_attribute("data-state", state)
        return self.element


def sheet(*blocks: Block, index: int = 0) -> PageData:
    """A page with a picture."""
    out = io.BytesIO()
    Image.new("RGB", (200, 400), "white").save(out, "JPEG")
    image = Picture(f"page-{index + 1}.jpg", out.getvalue(), 200, 400)
    return replace(made.page(*blocks, index=index), image=image)


TWO = sheet(made.block(0, "doc_title", "On Cats"), made.block(1, "text", "They purr."))
