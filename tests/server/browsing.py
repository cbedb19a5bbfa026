# SPDX-License-Identifier: Apache-2.0
"""A visitor of the server's page, in a real browser without a window."""

from __future__ import annotations

import importlib.util
import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.waiting import SECONDS

if TYPE_CHECKING:
    from pathlib import Path


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

NEEDS_BROWSER = [
    pytest.mark.skipif(
        importlib.util.find_spec("playwright") is None, reason="needs playwright: the [dev] extra"
    ),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}

CONTRAST = """(selector) => {
  const channels = (colour) => {
    const canvas = document.createElement("canvas").getContext("2d");
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (colour) => {
    const [r, g, b] = channels(colour).map((c) =>
      c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const one = document.querySelector(selector);
  let ground = one;
  while (channels(getComputedStyle(ground).backgroundColor)[3] < 255 && ground.parentElement) {
    ground = ground.parentElement;
  }
  const pair = [getComputedStyle(one).color, getComputedStyle(ground).backgroundColor].map(light);
  return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
}"""


class Visit:
    """A visitor of the page: what the browser complains about, and whom it asks."""

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.asked: set[str] = set()
        page.on("console", lambda one: self.complaints.append(f"{one.type}: {one.text}"))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.asked.add(request.url))
        self.choosers: list[Any] = []
        page.on("filechooser", self._note_chooser)
        page.goto(url)

    def _note_chooser(self, chooser: Any) -> None:
        self.choosers.append(chooser)

    def loaded(self) -> Visit:
        self.page.wait_for_selector("#tasks input")
        return self

    def forbid_ends(self) -> Visit:
        """From now on no answer of the endless model ends because it goes round in a circle."""
        self.page.evaluate(
            """() => {
                 const ask = window.fetch;
                 window.fetch = (path, options = {}) => {
                   if (options.body instanceof FormData) {
                     options.body.append("stop_loops", "false");
                   }
                   return ask(path, options);
                 };
               }"""
        )
        return self

    def choose(self, *pictures: Path | dict[str, Any], task: str = "Text") -> None:
        self.page.get_by_label(task, exact=True).check()
        self.page.set_input_files("#file", list(pictures))

    def stop(self, reading: Any) -> None:
        """By key: what is read above moves the button on between a mouse's press and release."""
        reading.get_by_role("button", name="Stop").press("Enter")
        expect(reading).to_have_attribute("data-state", "stopped")

    def save(self, inside: Any, name: str = "Save") -> tuple[str, bytes]:
        """The file that a button saves, its name and content. By key, as `stop`."""
        from playwright.sync_api import TimeoutError as NothingCame

        button = inside.get_by_role("button", name=name)
        expect(button).to_be_enabled()
        try:
            with self.page.expect_download() as download:
                button.press("Enter")
        except NothingCame:
            pytest.fail(f"nothing was saved: {self.complaints} {inside.inner_text()}")
        return download.value.suggested_filename, download.value.path().read_bytes()

    def wait(self, state: str) -> Any:
        """The first picture, once it is in this state."""
        self.page.wait_for_selector(f".reading[data-state={state}]")
        return self.page.locator(".reading").first

    def until(self, condition: str) -> None:
        """Waits for a script's value; the page's policy forbids playwright's own way."""
        end = time.monotonic() + SECONDS
        while not self.page.evaluate(condition):
            assert time.monotonic() < end, condition
            self.page.wait_for_timeout(20)

    def read(self, *pictures: Path | dict[str, Any], task: str = "Text") -> Any:
        self.choose(*pictures, task=task)
        return self.wait("done")


def expect(locator: Any) -> Any:
    """Playwright's assertions, which wait: what follows a click or a load follows later."""
    from playwright.sync_api import expect as assertions

    return assertions(locator)
