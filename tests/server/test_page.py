# SPDX-License-Identifier: Apache-2.0
"""The page at `/`, in a real browser without a window, on the real server.

Where the built-in model cannot read what a test is about (formulas), the answer to the browser is
made in the test, with the HTML that the server would make; those tests say so.
"""

from __future__ import annotations

import dataclasses
import io
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageDraw, ImageFont
from tests.server.browsing import CONTRAST, NEEDS_BROWSER, PHONE, Visit, expect
from tests.server.running import wait_for

import ppocrvl
from ppocrvl.markup.html import result_html
from ppocrvl.server.page import FILES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.server.running import Server, StartServer

pytestmark = NEEDS_BROWSER


def drawn(text: str) -> dict[str, Any]:
    """A picture of a text, in the font that Pillow brings."""
    font = ImageFont.load_default(22)
    image = Image.new("RGB", (int(font.getlength(text)) + 40, 63), "white")
    ImageDraw.Draw(image).text((15, 12), text, "black", font=font)
    data = io.BytesIO()
    image.save(data, "png")
    return {"name": "drawn.png", "mimeType": "image/png", "buffer": data.getvalue()}


def answer_with(visit: Visit, result: ppocrvl.Result, text: str, task: str) -> None:
    """Let the next picture be answered with this text, as the server would."""
    result = dataclasses.replace(
        result, text=text, task=task, token_ids=(), logprobs=(), token_ends=()
    )
    values = {"index": 0, **result.to_dict(), "html": result_html(result)}
    visit.page.route(
        "**/v1/ocr",
        lambda route: route.fulfill(
            body=json.dumps(values) + "\n", content_type="application/x-ndjson"
        ),
    )


@pytest.fixture(scope="module")
def any_result(samples: Path) -> ppocrvl.Result:
    return ppocrvl.ocr(samples / "hello.png")


# Pictures in


def test_a_chosen_picture_is_read(page: Visit, samples: Path) -> None:
    reading = page.read(samples / "hello.png")
    expected = (samples / "hello.txt").read_text(encoding="utf-8").strip()
    assert reading.locator(".text").inner_text() == expected
    assert "99 % confident" in reading.locator(".state").inner_text()
    assert page.page.locator("#model").inner_text() == "tiny-en-BF16"
    assert reading.locator(".unsure").count() == 0


def test_several_are_read_in_their_order(page: Visit) -> None:
    page.choose(drawn("First"), drawn("Second"), drawn("Third"))
    page.until("document.querySelectorAll('[data-state=done]').length == 3")
    assert page.page.locator(".text").all_inner_texts() == ["First", "Second", "Third"]


def test_a_dropped_picture_is_read(page: Visit, picture: bytes) -> None:
    transfer = page.page.evaluate_handle(
        """(bytes) => {
             const transfer = new DataTransfer();
             const file = new File([new Uint8Array(bytes)], "a.png", { type: "image/png" });
             transfer.items.add(file);
             return transfer;
           }""",
        list(picture),
    )
    page.page.get_by_label("Text", exact=True).check()
    page.page.dispatch_event("body", "dragover", {"dataTransfer": transfer})
    expect(page.page.locator("body.over")).to_have_count(1)
    page.page.dispatch_event("body", "drop", {"dataTransfer": transfer})
    assert page.wait("done").locator(".text").inner_text().startswith("Hello world!")
    expect(page.page.locator("body.over")).to_have_count(0)


def test_a_pasted_picture_is_read(page: Visit, picture: bytes) -> None:
    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.page.evaluate(
        """async (bytes) => {
             const blob = new Blob([new Uint8Array(bytes)], { type: "image/png" });
             await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
           }""",
        list(picture),
    )
    page.page.get_by_label("Text", exact=True).check()
    page.page.keyboard.press("Control+V")
    assert page.wait("done").locator(".text").inner_text().startswith("Hello world!")


def test_pasting_a_text_says_what_is_missing(page: Visit) -> None:
    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.page.evaluate("navigator.clipboard.writeText('words')")
    page.page.keyboard.press("Control+V")
    notice = page.page.get_by_role("alert").filter(visible=True)
    assert "no picture" in notice.inner_text()


# Answers out


def results_since(server: Server, before: int, count: int) -> list[Any]:
    """What came of so many requests since then: nothing of one that was stopped."""
    wait_for(lambda: server.inside() == 0)

    def results() -> list[Any]:
        return [one["results"] for one in server.requests[before:] if one["path"] == "/v1/ocr"]

    wait_for(lambda: len(results()) >= count)
    return results()


def test_text_arrives_in_pieces_and_stop_frees_the_place(
    visit: Callable[..., Visit], endless_server: Server, noise: bytes
) -> None:
    before = len(endless_server.requests)
    one = visit(endless_server.url).loaded().forbid_ends()
    one.page.evaluate(
        """() => {
             window.lengths = new Set();
             const text = () => document.querySelector(".text")?.textContent ?? "";
             const observer = new MutationObserver(() => window.lengths.add(text().length));
             observer.observe(document.body, { childList: true, subtree: true });
           }"""
    )
    one.choose({"name": "noise.png", "mimeType": "image/png", "buffer": noise})
    one.until("window.lengths.size > 5")
    assert endless_server.inside() == 1
    reading = one.page.locator(".reading")
    one.stop(reading)
    assert results_since(endless_server, before, 1) == [[]]
    assert reading.locator(".text").inner_text()
    expect(reading.get_by_role("button", name="Stop")).to_be_hidden()
    expect(reading.locator("[data-act=copy]")).to_be_focused()  # not lost with the button
    # The only place among those that decode is free: the next picture gets it.
    reading.get_by_role("button", name="Read again").click()
    one.until("document.querySelector('.text').textContent.length > 5")
    one.stop(reading)
    assert results_since(endless_server, before, 2) == [[], []]


def test_a_waiting_picture_can_be_stopped(
    visit: Callable[..., Visit], endless_server: Server, noise: bytes
) -> None:
    before = len(endless_server.requests)
    one = visit(endless_server.url).loaded().forbid_ends()
    one.choose(*[{"name": f"{n}.png", "mimeType": "image/png", "buffer": noise} for n in (0, 1)])
    one.wait("reading")
    one.stop(one.page.locator(".reading").nth(1))
    one.stop(one.page.locator(".reading").nth(0))
    assert results_since(endless_server, before, 1) == [[]]  # the other was never asked for


def test_a_table_is_a_table(page: Visit, samples: Path) -> None:
    reading = page.read(samples / "table.png", task="Table")
    rows = reading.locator("table tr")
    assert rows.count() == 4
    assert rows.nth(1).locator("td").all_inner_texts() == ["Bread", "2", "$5.10"]
    assert "fcel" not in reading.inner_text()


def test_copy_gives_cells_to_spreadsheets_and_a_table_to_texts(page: Visit, samples: Path) -> None:
    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    reading = page.read(samples / "table.png", task="Table")
    reading.get_by_role("button", name="Copy").click()
    page.page.wait_for_selector("button:has-text('Copied')")
    assert page.page.evaluate("navigator.clipboard.readText()").split("\n")[1] == "Bread\t2\t$5.10"
    html = page.page.evaluate(
        """async () => {
             const [item] = await navigator.clipboard.read();
             return (await item.getType("text/html")).text();
           }"""
    )
    assert "<td>Bread</td>" in html


@pytest.mark.parametrize("kind", ["text", "HTML", "JSON"])
def test_saving(page: Visit, samples: Path, kind: str) -> None:
    reading = page.read(samples / "table.png", task="Table")
    name, data = page.save(reading, f"Save as {kind}")
    content = data.decode()
    if kind == "text":
        assert name == "table.txt"
        assert content.split("\n")[3] == "Tea\t1\t$4.25"
    elif kind == "HTML":
        assert content.startswith("<!doctype html>")
        assert "<td>Tea</td>" in content
    else:
        assert json.loads(content)["text"].startswith("<fcel>Name")


def test_doubtful_lines_are_tinted(page: Visit) -> None:
    reading = page.read(drawn("Щука, ёлка"))  # letters that the built-in model does not know
    line = reading.locator(".unsure")
    assert line.count() == 1
    assert re.fullmatch(r"Confidence \d\d %", line.get_attribute("title"))
    style = "one => getComputedStyle(one).backgroundColor"
    assert line.evaluate(style) != reading.locator(".text").evaluate(style)
    expect(reading.locator(".legend")).to_be_visible()
    assert "1 line not sure" in reading.locator(".state").inner_text()


def test_a_formula_is_a_formula(page: Visit, any_result: ppocrvl.Result, samples: Path) -> None:
    """The answer is made here: the built-in model knows no formulas."""
    latex = r"\[ x = \frac{-b \pm \sqrt{b^2 - 4ac}}{2a} \]"
    answer_with(page, any_result, latex, "formula")
    reading = page.read(samples / "hello.png", task="Formula")
    assert reading.locator("math mfrac msqrt").count() == 1
    box = reading.locator("mfrac").bounding_box()
    assert box["height"] > 1.5 * reading.locator("msqrt").bounding_box()["height"] > 0


def test_what_is_no_formula_is_shown_as_it_is(
    page: Visit, any_result: ppocrvl.Result, samples: Path
) -> None:
    """The answer is made here: the built-in model knows no formulas."""
    answer_with(page, any_result, r"\[ \unknown{x} \]", "formula")
    reading = page.read(samples / "hello.png", task="Formula")
    assert reading.locator("code").inner_text() == r"\unknown{x}"


def test_places_are_drawn_on_the_picture(
    page: Visit, any_result: ppocrvl.Result, samples: Path
) -> None:
    """The answer is made here: the built-in model knows no places."""
    place = "".join(f"<|LOC_{number}|>" for number in (100, 200, 600, 200, 600, 400, 100, 400))
    answer_with(page, any_result, f"Hello{place}", "spotting")
    reading = page.read(samples / "hello.png", task="Text with places")
    assert reading.locator(".text").inner_text() == "Hello"
    page.until("document.querySelector('.reading img').complete")
    picture = reading.locator("img").bounding_box()
    box = reading.locator("polygon").bounding_box()
    assert box["x"] - picture["x"] == pytest.approx(0.1 * picture["width"], abs=3)
    assert box["width"] == pytest.approx(0.5 * picture["width"], abs=4)
    assert box["height"] == pytest.approx(0.2 * picture["height"], abs=4)


# Pictures that would do harm


def test_markup_in_a_picture_stays_text(page: Visit) -> None:
    """Read by the built-in model: it does read such a picture."""
    reading = page.read(drawn("<b>bold</b> text"))
    assert reading.locator(".text").inner_text() == "<b>bold</b> text"
    assert reading.locator("b").count() == 0


ATTACK = "<img src=x onerror='document.title=1'><script>document.title=1</script>"


@pytest.mark.parametrize(
    ("task", "title", "text"),
    [
        ("ocr", "Text", f"{ATTACK}\n\\(\\text{{{ATTACK}}}\\)"),
        ("table", "Table", f"<fcel>{ATTACK}<fcel>\\(\\text{{{ATTACK}}}\\)<nl>"),
        ("chart", "Chart", f"{ATTACK} | b\n1 | {ATTACK}"),
        ("formula", "Formula", f"\\text{{{ATTACK}}} \\href{{javascript:alert(1)}}{{x}}"),
        ("formula", "Formula", f"\\unknown {ATTACK}"),
    ],
)
def test_an_attack_stays_text(
    page: Visit, any_result: ppocrvl.Result, samples: Path, task: str, title: str, text: str
) -> None:
    """The answer is made here: what the built-in model reads is too short for an attack."""
    answer_with(page, any_result, text, task)
    before = page.page.title()
    reading = page.read(samples / "hello.png", task=title)
    assert "onerror" in reading.locator(".text").text_content()
    assert reading.locator(".text :is(script, img, a, [onerror], [href])").count() == 0
    assert page.page.title() == before


def test_the_policy_stops_what_gets_in_all_the_same(
    visit: Callable[..., Visit], server: Server
) -> None:
    one = visit(server.url, expected="Content Security Policy|ERR_BLOCKED_BY_CSP|Refused").loaded()
    one.page.evaluate(
        """() => {
             document.querySelector("#readings").innerHTML =
               "<img src='data:,' onerror='window.harmed = 1'>";
             const script = document.createElement("script");
             script.textContent = "window.harmed = 1";
             document.body.append(script);
           }"""
    )
    assert one.page.evaluate("fetch('https://example.com/').then(() => 1, () => 0)") == 0
    assert one.page.evaluate("window.harmed") is None
    assert any("Content Security Policy" in text for text in one.complaints)
    one.asked = {url for url in one.asked if "example.com" not in url}  # asked for, and refused


# Errors


def test_what_is_no_picture(visit: Callable[..., Visit], server: Server) -> None:
    one = visit(server.url, expected="400").loaded()
    one.choose({"name": "a.txt", "mimeType": "text/plain", "buffer": b"no picture"})
    reading = one.wait("failed")
    message = reading.locator(".state").inner_text()
    assert "image" in message
    assert "\n" not in message
    expect(one.page.get_by_role("status")).to_have_text(f"a.txt: {message}")
    expect(reading.locator("img")).to_have_count(0)  # nothing to show


@pytest.mark.parametrize("limit", ["--max-picture-bytes", "--max-body-bytes"])
def test_what_is_too_large(
    visit: Callable[..., Visit], start_server: StartServer, samples: Path, limit: str
) -> None:
    small = start_server(limit, 1000).wait_ready()
    one = visit(small.url, expected="413").loaded()
    one.choose(samples / "hello.png")
    assert "1,000 bytes" in one.wait("failed").locator(".state").inner_text()


def test_a_server_that_has_gone(
    visit: Callable[..., Visit], start_server: StartServer, samples: Path
) -> None:
    running = start_server().wait_ready()
    one = visit(running.url, expected="ERR_CONNECTION_REFUSED").loaded()
    running.stop()
    one.choose(samples / "hello.png")
    reading = one.wait("failed")
    assert "cannot be reached" in reading.locator(".state").inner_text()
    expect(reading.get_by_role("button", name="Read again")).to_be_visible()


def test_a_server_that_goes_while_it_answers(
    visit: Callable[..., Visit], start_server: StartServer, endless_model: Path, noise: bytes
) -> None:
    running = start_server(
        *("--model", endless_model, "--max-tokens", 100_000, "--kv-tokens", 131_072)
    ).wait_ready()
    one = visit(running.url, expected="ERR_").loaded().forbid_ends()
    one.choose({"name": "noise.png", "mimeType": "image/png", "buffer": noise})
    one.until("document.querySelector('.text')?.textContent.length > 5")
    running.process.kill()
    reading = one.wait("failed")
    assert "broke before" in reading.locator(".state").inner_text()
    assert reading.locator(".text").inner_text()


def test_an_answer_without_an_end(page: Visit, samples: Path) -> None:
    """The answer is made here, as a proxy may cut it off."""
    page.page.route("**/v1/ocr", lambda route: route.fulfill(body='{"index": 0, "piece": "He"}\n'))
    page.choose(samples / "hello.png")
    assert "broke before" in page.wait("failed").locator(".state").inner_text()


def test_a_server_that_wants_a_key(
    visit: Callable[..., Visit], start_server: StartServer, samples: Path
) -> None:
    running = start_server(PPOCRVL_API_KEYS="right-key").wait_ready()
    one = visit(running.url, expected="401")
    for key in ("wrong-key", "right-key"):
        one.page.get_by_label("This server wants an API key").fill(key)
        one.page.keyboard.press("Enter")
        if key == "wrong-key":
            one.page.wait_for_selector("text=The server does not know this key")
    one.loaded()
    expect(one.page.locator("#key-form")).to_be_hidden()
    assert one.read(samples / "hello.png").locator(".text").inner_text().startswith("Hello")


def test_no_key_is_asked_for_without_need(page: Visit) -> None:
    assert not page.page.locator("#key-form").is_visible()


def test_the_page_waits_for_the_model(visit: Callable[..., Visit], server: Server) -> None:
    """The first answer about the model is made here: the built-in one is loaded too fast."""
    one = visit(server.url).loaded()
    loading = {"data": [{"id": "tiny-en-BF16"}]}
    one.page.route("**/v1/models", lambda route: route.fulfill(json=loading), times=1)
    one.page.reload()
    one.page.wait_for_selector("text=The model is being loaded")
    one.loaded()
    expect(one.page.locator("#notice")).to_be_hidden()


# For everybody


def test_with_the_keyboard_alone(page: Visit, samples: Path) -> None:
    keys = page.page.keyboard
    focused = "(document.activeElement.value || document.activeElement.id)"
    keys.press("Tab")
    assert page.page.evaluate(focused) == "document"
    keys.press("ArrowRight")
    assert page.page.evaluate(focused) == "ocr"
    keys.press("ArrowRight")
    assert page.page.evaluate(focused) == "table"
    keys.press("Tab")
    assert page.page.evaluate("document.activeElement.textContent") == "Choose files"
    ring = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.page.evaluate(ring) == "solid"
    keys.press("Enter")
    wait_for(lambda: page.page.wait_for_timeout(20) or bool(page.choosers))
    page.choosers[0].set_files(samples / "table.png")
    reading = page.wait("done")
    assert reading.locator("table").count() == 1
    order = []
    for _ in range(5):
        keys.press("Tab")
        order.append(page.page.evaluate("document.activeElement.dataset.act"))
        assert page.page.evaluate(ring) == "solid"
    assert order == ["copy", "text", "html", "json", "again"]
    keys.press("Enter")
    expect(page.page.locator(".reading[data-state=done] table")).to_have_count(1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_are_easy_to_read(
    visit: Callable[..., Visit], server: Server, samples: Path, scheme: str
) -> None:
    """Contrast of text is 4.5 or more (WCAG 2.2, 1.4.3)."""
    one = visit(server.url, expected="400", color_scheme=scheme).loaded()
    one.read(samples / "hello.png")
    ground = one.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    brightness = sum(map(int, re.findall(r"\d+", ground)[:3])) / 3
    assert (brightness > 200) == (scheme == "light")
    for selector in ("h1", "#model", ".text div", ".state", "footer a", ".primary", "legend"):
        assert one.page.evaluate(CONTRAST, selector) >= 4.5, selector
    one.choose({"name": "a.txt", "mimeType": "text/plain", "buffer": b"no picture"})
    one.wait("failed")
    assert one.page.evaluate(CONTRAST, "[data-state=failed] .state") >= 4.5


def test_on_a_phone(
    visit: Callable[..., Visit], server: Server, any_result: ppocrvl.Result, samples: Path
) -> None:
    """A wide table is made here; it scrolls in itself, and the page does not."""
    one = visit(server.url, **PHONE).loaded()
    cells = "".join(f"<fcel>a long heading {n}" for n in range(12))
    answer_with(one, any_result, f"{cells}<nl>{cells}<nl>", "table")
    reading = one.read(samples / "table.png", task="Table")
    assert one.page.evaluate("document.documentElement.scrollWidth") <= 360
    assert reading.locator(".text").evaluate("one => one.scrollWidth > one.clientWidth")
    assert one.page.locator("#camera").get_attribute("capture") == "environment"
    assert one.page.locator(".camera").is_visible()
    small = one.page.evaluate(
        """() => [...document.querySelectorAll("button, label, footer a")]
             .map((one) => [one.textContent.trim(), one.getBoundingClientRect()])
             .filter(([, box]) => box.height && (box.height < 44 || box.width < 44))"""
    )
    assert small == []


def test_what_changes_is_announced(page: Visit, samples: Path) -> None:
    reading = page.read(samples / "hello.png")
    state = reading.locator(".state").inner_text()
    expect(page.page.get_by_role("status")).to_have_text(f"hello.png: {state}")
    assert page.page.get_by_role("group", name="Read as").is_visible()


def test_scripts_and_styles_stand_in_files_of_their_own(server: Server) -> None:
    """None is inline, and no address leads elsewhere."""
    html = server.get("/").text
    assert not re.search(r"<style|\son\w+=|style=|https?:|//[a-z]", html)
    assert re.findall(r"<script[^>]*>(.*?)</script>", html) == [""]
    for path in set(FILES) - {"/"}:
        answer = server.get(path)
        assert answer.status_code == 200
        assert not re.search(r"https?://", answer.text.replace("http://www.w3.org/2000/svg", ""))
