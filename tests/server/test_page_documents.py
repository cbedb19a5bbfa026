# SPDX-License-Identifier: Apache-2.0
"""Documents on the page at `/`, in a real browser.

Most answers are made in the test, line by line as the server writes them, so that it decides when
the next one comes. Those about reading itself and about writing are the server's own.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from tests.document import made
from tests.parsing.sources.pdf_writer import encrypted, pdf, text
from tests.server.browsing import CONTRAST, NEEDS_BROWSER, PHONE, Visit, expect
from tests.server.fed import TWO, Fed, finished, found, read, sheet

from ppocrvl.document.types import PageData, Picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.server.running import Server


pytestmark = NEEDS_BROWSER


# Read by the server


def test_pictures_are_pages_of_one_document(page: Visit, samples: Path) -> None:
    page.page.set_input_files("#file", [samples / "hello.png", samples / "table.png"])
    document = page.page.locator(".document")
    expect(document).to_have_attribute("data-state", "done")
    assert document.locator("h2").inner_text() == "hello.png and 1 more"
    assert document.locator(".state").inner_text() == "2 pages"
    assert document.locator(".sheet").count() == 2
    assert "Hello world" in document.locator(".sheet").first.inner_text()
    assert document.locator(".block:not([data-read])").count() == 0
    assert document.locator(".thumbnails button").count() == 2
    assert page.save(document)[0].startswith("hello")


def test_a_pdf_is_a_document_whatever_is_chosen(page: Visit) -> None:
    page.page.get_by_label("Table", exact=True).check()
    file = {"name": "a.pdf", "mimeType": "application/pdf", "buffer": pdf(text("Word"))}
    page.page.set_input_files("#file", [file])
    document = page.page.locator(".document")
    expect(document).to_have_attribute("data-state", "done")
    size = document.locator(".sheet img").evaluate(
        "(one) => one.decode().then(() => one.naturalWidth)"
    )
    assert size > 100  # the page as the models saw it


def test_a_password_is_asked_for(visit: Callable[..., Visit], server: Server) -> None:
    one = visit(server.url, expected="400").loaded()
    file = {"name": "a.pdf", "mimeType": "application/pdf", "buffer": encrypted()}
    one.page.set_input_files("#file", [file])
    document = one.page.locator(".document")
    expect(document).to_have_attribute("data-state", "failed")
    document.get_by_label("Password of the PDF").fill("secret")
    one.page.keyboard.press("Enter")
    expect(document).to_have_attribute("data-state", "done")


def test_a_server_without_a_layout_model_offers_no_documents(
    visit: Callable[..., Visit], endless_server: Server
) -> None:
    one = visit(endless_server.url).loaded()
    assert one.page.locator("#tasks input[value=document]").count() == 0
    assert one.page.locator("#tasks input:checked").get_attribute("value") == "ocr"


# As it comes


def test_regions_as_they_are_found_and_texts_as_they_are_read(page: Visit) -> None:
    fed = Fed(page)
    title, words = TWO.blocks
    fed.feed(found(TWO))
    expect(fed.element.locator("g[data-block]")).to_have_count(2)
    expect(fed.element.locator("g[data-read]")).to_have_count(0)
    assert fed.element.locator(".block").all_inner_texts() == ["", ""]
    fed.feed(read(TWO, words))
    expect(fed.element.locator(".block").nth(1)).to_have_text("They purr.")
    expect(fed.element.locator("g[data-read]")).to_have_count(1)
    fed.feed(read(TWO, title))
    expect(fed.element.locator(".block h3")).to_have_text("On Cats")
    expect(fed.element).to_have_attribute("data-state", "reading")
    fed.feed(finished(TWO))
    expect(fed.element.locator(".state")).to_have_text("Read 1 of 1 pages …")
    page.page.evaluate("window.endFeed()")
    expect(fed.wait("done").locator(".state")).to_have_text("1 page")


def test_stop_ends_the_request_and_keeps_what_was_read(page: Visit) -> None:
    fed = Fed(page, n_pages=2)
    fed.feed(found(TWO), finished(TWO))
    expect(fed.element.locator(".block h3")).to_have_text("On Cats")
    fed.element.get_by_role("button", name="Stop").press("Enter")
    fed.wait("stopped")
    assert page.page.evaluate("window.aborted") is True
    expect(fed.element.locator("[data-act=copy]")).to_be_focused()
    assert page.save(fed.element)[1] == b"# On Cats\n\nThey purr.\n"


def test_an_end_before_the_last_page(page: Visit) -> None:
    fed = Fed(page, n_pages=2)
    fed.feed(found(TWO), finished(TWO))
    fed.feed({"error": {"message": "the document was not read in time", "code": "x"}})
    assert "in time" in fed.wait("failed").locator(".state").inner_text()
    expect(fed.element.locator("[data-act=save]")).to_be_visible()


def test_what_fails_is_said_where_it_is(page: Visit) -> None:
    failed = made.block(1, "text", error="the engine failed", finish_reason="error", source="none")
    gone = PageData(1, 0, 0, 0.0, error="the page is missing")
    fed = Fed(page, n_pages=2)
    first = sheet(made.block(0, "text", "Good"), failed)
    fed.feed(found(first), finished(first))
    fed.feed(finished(gone))
    page.page.evaluate("window.endFeed()")
    document = fed.wait("done")
    assert document.locator(".state").inner_text() == "2 pages, 1 not read"
    assert document.locator(".block").nth(1).inner_text() == "Not read: the engine failed"
    assert document.locator(".note").nth(1).inner_text() == "Not read: the page is missing"


# Out of it


@pytest.mark.parametrize("half", [0, 1])
def test_saving_in_each_format(page: Visit, half: int) -> None:
    """In two halves: Chromium lets a frame save ten files at a time, and drops what is more."""
    whole = sheet(*TWO.blocks, made.table(2, "<table><tr><td>1</td></tr></table>"))
    document = Fed(page).give(whole)
    select = document.get_by_label("Format to copy or save")
    names = select.locator("option").evaluate_all("(all) => all.map((one) => one.value)")
    assert {"md", "json", "html", "txt", "hocr", "alto", "csv", "drawing"} <= set(names)
    saved = {}
    for name in names[half::2]:
        select.select_option(name)
        saved[name] = page.save(document)
    assert len(saved) >= 4
    if "md" in saved:
        assert saved["md"][0] == "paper.md"
    if "html" in saved:  # with the images of pages
        assert b"data:image/jpeg" in saved["html"][1]
    if "json" in saved:
        assert json.loads(saved["json"][1])["pages"][0]["blocks"][1]["text"] == "They purr."
    if "drawing" in saved:
        assert saved["drawing"][1].startswith(b"\xff\xd8")
    if "docx" in saved:
        assert zipfile.is_zipfile(io.BytesIO(saved["docx"][1]))


@pytest.mark.parametrize(
    ("most", "told", "pictures"),
    [(80_000, "coarser pictures", 1), (20_000, "without the pictures", 0)],
)
def test_a_document_that_is_too_large_to_be_sent_back(
    page: Visit, most: int, told: str, pictures: int
) -> None:
    """The limit is made smaller here, on the page alone."""

    def answer(route: Any) -> None:
        values = route.fetch().json()
        values["data"][0]["ppocrvl"]["max_document_bytes"] = most
        route.fulfill(json=values)

    page.page.route("**/v1/models", answer)
    page.page.reload()
    page.loaded()
    pixels = np.random.default_rng(1).integers(0, 256, (400, 200, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=90)
    assert len(out.getvalue()) * 4 / 3 > 80_000
    document = Fed(page).give(replace(TWO, image=Picture("p.jpg", out.getvalue(), 200, 400)))
    document.get_by_label("Format to copy or save").select_option("html")
    html = page.save(document)[1]
    expect(document.locator(".state")).to_contain_text(told)
    assert html.count(b"data:image/jpeg") == pictures
    assert b"They purr." in html


def test_copying(page: Visit) -> None:
    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    document = Fed(page).give(TWO)
    document.get_by_role("button", name="Copy").click()
    page.page.wait_for_selector("button:has-text('Copied')")
    copied = page.page.evaluate("navigator.clipboard.readText()")
    assert copied == "# On Cats\n\nThey purr.\n"
    document.get_by_label("Format to copy or save").select_option("drawing")
    expect(document.locator("[data-act=copy]")).to_be_disabled()  # no text


# To look at


def test_both_sides_are_marked(page: Visit) -> None:
    document = Fed(page).give(TWO)

    def check(number: int) -> None:
        for side in (".block", "g"):
            expect(document.locator(f"{side}.marked")).to_have_attribute("data-block", str(number))

    page.until("document.querySelector('.sheet img[src]')?.naturalWidth > 0")  # nothing moves now
    document.locator(".block").nth(1).hover()
    check(1)
    document.locator("g").first.hover()
    check(0)
    document.locator("g").nth(1).click()
    expect(document.locator(".block").nth(1)).to_be_focused()
    page.page.mouse.move(0, 0)
    check(1)


def test_with_the_keyboard_alone(page: Visit) -> None:
    """All blocks are one stop of Tab, and so are all thumbnails; arrows lead on."""
    document = Fed(page, n_pages=2).give(TWO, replace(TWO, index=1))
    document.get_by_label("Reading order").focus()
    keys = page.page.keyboard
    keys.press("Tab")
    keys.press("ArrowDown")
    expect(document.locator(".thumbnails button").nth(1)).to_be_focused()
    keys.press("Tab")
    expect(document.locator(".block").first).to_be_focused()
    for _ in range(2):
        keys.press("ArrowDown")
    expect(document.locator(".block").nth(2)).to_be_focused()  # on the second page
    expect(document.locator(".sheet").nth(1).locator(".marked")).to_have_count(2)
    ring = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.page.evaluate(ring) == "solid"
    keys.press("Shift+Tab")
    expect(document.locator(".thumbnails button").nth(1)).to_be_focused()


def test_the_reading_order(page: Visit) -> None:
    document = Fed(page).give(TWO)
    numbers = document.locator("g text")
    expect(numbers.first).to_be_hidden()
    document.get_by_label("Reading order").check()
    assert numbers.all_text_contents() == ["1", "2"]
    expect(numbers.first).to_be_visible()
    expect(document.locator("polyline")).to_have_css("display", "block")


def test_doubtful_texts_are_tinted(page: Visit) -> None:
    lines = (made.line("sure"), made.line("unsure", 0.6))
    document = Fed(page).give(sheet(made.block(0, "text", "sure\nunsure", lines=lines)))
    doubt = document.locator("[class^=doubt]")
    assert doubt.all_inner_texts() == ["unsure"]
    colour = "(one) => getComputedStyle(one).backgroundColor"
    assert doubt.evaluate(colour) != document.evaluate(colour)
    expect(document.locator(".legend")).to_be_visible()
    expect(document.locator("g[data-doubt]")).to_have_count(1)


def test_pages_are_drawn_only_where_they_are_seen(page: Visit) -> None:
    """Of two hundred, a few have a picture, wherever one looks."""
    pages = [sheet(made.block(0, "text", f"Page number {n + 1}"), index=n) for n in range(200)]
    document = Fed(page, n_pages=200).give(*pages)
    drawn = (
        "[...document.querySelectorAll('.sheet')]"
        ".flatMap((one, i) => (one.querySelector('img[src]') ? [i] : []))"
    )
    page.until(f"{drawn}.length > 0")
    assert page.page.evaluate(f"{drawn}.length") < 12
    # What is not laid out has about its height all the same: the scroll bar does not jump.
    assert page.page.evaluate("document.querySelector('.pages').scrollHeight") > 200 * 400
    page.until("document.querySelectorAll('canvas[data-drawn]').length > 0")
    assert page.page.evaluate("document.querySelectorAll('canvas[data-drawn]').length") < 40
    last = document.locator(".thumbnails button").last
    last.press("Enter")
    page.until(f"{drawn}.includes(199)")
    page.until(f"!{drawn}.includes(0)")
    expect(last).to_have_attribute("aria-current", "true")
    assert page.page.evaluate(f"{drawn}.length") < 12
    page.until("document.querySelectorAll('.sheet')[199].getBoundingClientRect().top < innerHeight")
    assert document.locator(".block").nth(100).text_content() == "Page number 101"  # Ctrl+F


ATTACK = "<img src=x onerror='document.title=1'><script>document.title=1</script></div></section>"
TRICK = '<div data-block="0" style="position:fixed;inset:0">'


def test_an_attack_stays_text_in_its_element(page: Visit) -> None:
    hostile = f"{ATTACK}{TRICK}"
    cell = hostile.replace("<", "&lt;")
    blocks = (
        made.block(0, "text", f"{hostile} \\(\\text{{{hostile}}}\\)"),
        made.block(1, "doc_title", hostile, level=0),
        made.table(2, f"<table onclick=x><tr><td colspan=9999999>{cell}{ATTACK}</td></tr></table>"),
        made.block(3, "display_formula", latex=f"\\text{{{hostile}}} \\href{{javascript:x}}{{y}}"),
        made.block(4, "display_formula", latex=f"\\unknown {hostile}"),
        made.block(5, "algorithm", hostile),
        made.block(6, ATTACK, "class", error=ATTACK),
        made.block(7, "text", "\u202eabc " + "Z\u0300" * 500 + "W" * 5000),
    )
    before = page.page.title()
    whole = replace(sheet(*blocks), notes=(hostile,))
    document = Fed(page, name=f"{ATTACK}.pdf").give(whole)
    document.get_by_label("Reading order").check()
    assert page.page.title() == before
    inside = document.locator(".text :is(script, a, img, [onerror], [onclick], [href], [style])")
    assert inside.count() == 0
    assert document.locator(".sheet img").count() == 1  # that of the page
    assert document.locator(".block").count() == 8
    assert "onerror" in document.locator(".block").first.text_content()
    assert "onerror" in document.locator("h2").inner_text()
    for block in document.locator(".block").all():
        assert block.evaluate("(one) => getComputedStyle(one).contain") == "content"
    assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_are_easy_to_read(
    visit: Callable[..., Visit], server: Server, scheme: str
) -> None:
    """Contrast of text is 4.5 or more (WCAG 2.2, 1.4.3), also where it is tinted or marked."""
    one = visit(server.url, color_scheme=scheme).loaded()
    doubts = tuple(made.line(f"line {n}", n) for n in (0.99, 0.9, 0.8, 0.5))
    words = "\n".join(line.text for line in doubts)
    failed = made.block(1, "text", error="the engine failed", finish_reason="error")
    whole = replace(sheet(made.block(0, "text", words, lines=doubts), failed), notes=("a note",))
    document = Fed(one).give(whole)
    document.locator(".block").first.hover()
    selectors = [".doubt-1", ".doubt-2", ".doubt-3", ".block.marked span", ".note", ".sheet h3"]
    for selector in (*selectors, ".block .failed", ".thumbnails button", ".about select"):
        assert one.page.evaluate(CONTRAST, selector) >= 4.5, selector


def test_on_a_phone(visit: Callable[..., Visit], server: Server) -> None:
    one = visit(server.url, **PHONE).loaded()
    wide = "".join(f"<td>a long heading {n}</td>" for n in range(12))
    table = made.table(1, f"<table><tr>{wide}</tr></table>")
    document = Fed(one).give(sheet(made.block(0, "text", "Words"), table))
    assert one.page.evaluate("document.documentElement.scrollWidth") <= 360
    assert document.locator(".block").nth(1).evaluate("(one) => one.scrollWidth > one.clientWidth")
    boxes = [document.locator(name).bounding_box() for name in (".picture", ".text")]
    assert boxes[0]["y"] + boxes[0]["height"] <= boxes[1]["y"]  # one under the other
    small = one.page.evaluate(
        """() => [...document.querySelectorAll("button, select, label")]
             .map((one) => [one.textContent.trim(), one.getBoundingClientRect()])
             .filter(([, box]) => box.height && (box.height < 44 || box.width < 44))"""
    )
    assert small == []
