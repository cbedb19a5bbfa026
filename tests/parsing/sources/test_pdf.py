# SPDX-License-Identifier: Apache-2.0
"""Pages of PDFs: their pixels, their text, and what is said of bad ones."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.parsing.sources.mutants import RICH, mutated
from tests.parsing.sources.pdf_writer import FORM, encrypted, pdf, pdf_file, stream, text

from ppocrvl.errors import (
    DocumentDamagedError,
    DocumentEmptyError,
    DocumentEncryptedError,
    DocumentError,
    DocumentTooLargeError,
    PageError,
)
from ppocrvl.parsing.sources.document_limits import MAX_PAGE_PIXELS
from ppocrvl.parsing.sources.opening import open_document
from ppocrvl.parsing.sources.pdf import PdfSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from ppocrvl.parsing.sources.source import Character, RenderedPage

HELLO = pdf(text("Hello"))


def small(data: bytes, **options: Any) -> PdfSource:
    """A PDF with limits that a test reaches soon."""
    return PdfSource("bad.pdf", data=data, dpi=72, **{"memory": 400 << 20, "seconds": 1, **options})


def render(data: bytes, index: int = 0, **options: Any) -> RenderedPage:
    with open_document(data, **options) as source:
        return source.render(index)


def ink(page: RenderedPage) -> tuple[int, int, int, int]:
    """The box around what is not white."""
    rows, columns = (np.flatnonzero((page.pixels < 128).any(axis=(2, n))) for n in (1, 0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def around(characters: tuple[Character, ...]) -> list[float]:
    boxes = np.array([one.box for one in characters if one.text.strip()])
    return [*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)]


def test_page_is_rendered() -> None:
    page = render(pdf(b"1 0 0 rg 306 396 306 396 re f"))  # red: the upper right quarter
    assert page.pixels.shape == (1584, 1224, 3)
    assert (page.dpi, page.rotation, page.notes) == (144, 0, ())
    assert (page.width_points, page.height_points) == (612, 792)
    assert page.points_per_pixel == (0.5, 0.5)
    assert page.pixels[100, 1100].tolist() == [255, 0, 0]
    assert page.pixels[1500, 1100].tolist() == [255, 255, 255]


def test_resolution_is_what_is_asked_for() -> None:
    assert render(HELLO, dpi=72).pixels.shape == (792, 612, 3)
    with pytest.raises(ValueError, match="dpi must be from 18 to 1200, not nan"):
        open_document(HELLO, dpi=float("nan"))


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("crop", [b"", b"/CropBox[60 90 400 760]"])
def test_text_layer_lies_on_the_ink(turn: int, crop: bytes) -> None:
    entries = b"/Rotate %d%s" % (turn, crop)
    with open_document(pdf(text("Hlyg", size=80, y=500), entries=entries)) as source:
        page = source.render(0)
        characters = source.text_layer(0)
        assert page.rotation == turn
        assert page.pixels.shape[:2] == tuple(
            round(2 * side) for side in source.page_sizes[0][::-1]
        )
    assert "".join(one.text for one in characters) == "Hlyg"
    assert np.abs(np.subtract(around(characters), ink(page))).max() < 3


def test_text_layer_lies_on_the_ink_of_a_page_that_is_rendered_smaller() -> None:
    document = pdf(text("Hlyg", size=80, y=500))
    with open_document(document, max_image_pixels=500_000) as source:
        page = source.render(0)
        characters = source.text_layer(0)
    assert page.pixels.shape[0] * page.pixels.shape[1] <= 500_000
    assert np.abs(np.subtract(around(characters), ink(page))).max() < 3


def test_same_pixels_as_pypdfium2() -> None:
    """As the official pipeline renders: `page.render(scale=2.0)`."""
    import pypdfium2

    data = pdf(text("Hello") + b"0 1 0 RG 3 w 50 50 m 400 333 l S", box=b"0 0 595.276 841.89")
    with pypdfium2.PdfDocument(data) as document:
        theirs = document[0].render(scale=2.0).to_numpy()
    assert np.array_equal(render(data).pixels, theirs[:, :, ::-1])


def test_characters_without_unicode_are_marked() -> None:
    font = b"/Font<</F<</Type/Font/Subtype/Type0/BaseFont/None/Encoding/Identity-H/DescendantFonts"
    font += b"[<</Type/Font/Subtype/CIDFontType2/BaseFont/None/CIDSystemInfo<</Registry(Adobe)"
    font += b"/Ordering(Identity)/Supplement 0>>>>]>>>>"
    data = pdf(b"BT /F 24 Tf 100 700 Td <01230456> Tj ET", resources=font)
    with open_document(data) as source:
        assert [one.mapped for one in source.text_layer(0)] == [False, False]
        assert source.render(0).pixels.shape == (1584, 1224, 3)  # the font is missing too


def test_spaces_that_are_not_in_the_file_are_marked() -> None:
    with open_document(pdf(text("one") + text("two", y=600))) as source:
        characters = source.text_layer(0)
    assert "".join(one.text for one in characters if not one.generated) == "onetwo"
    assert any(one.generated for one in characters)


def test_page_without_text_has_none() -> None:
    with open_document(pdf(b"0 0 99 99 re f")) as source:
        assert source.text_layer(0) == ()


def test_form_fields_are_filled_in() -> None:
    look = stream(b"0 0 200 50 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 200 50]")
    field = (
        b"<</Type/Annot/Subtype/Widget/FT/Tx/T(a)/V(x)/F 4/Rect[100 100 300 150]/AP<</N 5 0 R>>>>"
    )
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]>>>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Annots[4 0 R]>>",
        field,
        look,
    ]
    page = render(pdf_file(objects), dpi=72)
    assert page.pixels[792 - 125, 200].tolist() == [0, 0, 0]


def test_password() -> None:
    word = "secret"
    for password in (None, "wrong"):
        with pytest.raises(DocumentEncryptedError, match="--password"):
            open_document(encrypted(), password=password)
    assert render(encrypted(), password=word).pixels.shape == (1584, 1224, 3)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"%PDF-1.7\n", DocumentDamagedError, "is no PDF, or a damaged one"),
        (HELLO[: len(HELLO) // 3], DocumentDamagedError, "is no PDF, or a damaged one"),
        (b"", DocumentEmptyError, "is empty"),
        (pdf(), DocumentEmptyError, "has no pages"),
        (pdf(b"", count=1_000_000), DocumentTooLargeError, "declares 1,000,000 pages"),
    ],
)
def test_bad_files(data: bytes, error: type[DocumentError], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        open_document(data)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 13


def test_truncated_file_may_still_be_read() -> None:
    """PDFium finds the objects without their table."""
    assert render(HELLO[: HELLO.index(b"startxref")]).pixels.shape == (1584, 1224, 3)


def test_missing_page_leaves_the_others() -> None:
    with open_document(pdf(text("one"), text("two"), count=4)) as source:
        assert source.n_pages == 4
        assert source.page_sizes == ((612.0, 792.0), (612.0, 792.0), (0.0, 0.0), (0.0, 0.0))
        with pytest.raises(PageError, match="page 4 of document is missing or damaged"):
            source.render(3)
        with pytest.raises(PageError, match="no page 5 of 4"):
            source.render(4)
        assert source.render(1).index == 1


def test_giant_page_is_rendered_smaller() -> None:
    page = render(pdf(b"0 0 100000 100000 re f", box=b"0 0 100000 100000"))
    height, width, _ = page.pixels.shape
    assert 0.99 * MAX_PAGE_PIXELS < height * width <= MAX_PAGE_PIXELS
    assert page.notes == (
        "rendered at 4.554 dpi instead of 144: the page is 100000 x 100000 points",
    )
    assert page.dpi == pytest.approx(4.554, rel=1e-3)


@pytest.mark.parametrize("box", [b"0 0 0 0", b"0 0 1e38 1e38", b"9 9 nan 9", b"0 0 100000 0.001"])
def test_pages_of_no_sensible_size(box: bytes) -> None:
    with open_document(pdf(b"", box=box)) as source, contextlib.suppress(PageError):
        assert source.render(0).pixels.size <= 3 * MAX_PAGE_PIXELS


TILES = b"/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 1 1]/XStep .001/YStep .001"
BOMBS: dict[str, Callable[[], bytes]] = {
    "a page of graphics states": lambda: pdf(b"q " * 20_000_000),
    "a page of spaces": lambda: pdf(b" " * 250_000_000),
    "a form that draws itself": lambda: pdf(
        b"/X Do",
        resources=b"/XObject<</X 3 0 R>>",
        more=[stream(b"/X Do /X Do", FORM + b"/Resources<</XObject<</X 3 0 R>>>>")],
    ),
    "a pattern of tiny tiles": lambda: pdf(
        b"/Pattern cs /P scn 0 0 612 792 re f",
        resources=b"/Pattern<</P 3 0 R>>",
        more=[stream(b"0 0 1 1 re f", TILES)],
    ),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_bomb_is_the_error_of_its_page(kind: str) -> None:
    """Processor time and memory of the other process are limited."""
    reasons = "it took more than 1 s of processor time|PDFium crashed, or needed too much memory"
    with (
        small(BOMBS[kind](), memory=256 << 20) as source,
        pytest.raises(PageError, match=f"page 1 of bad.pdf cannot be rendered: ({reasons})"),
    ):
        source.render(0)


def test_page_after_a_bomb_is_read() -> None:
    with small(pdf(b"q " * 20_000_000, text("Hello"))) as source:
        with pytest.raises(PageError):
            source.render(0)
        assert (source.render(1).pixels < 128).any()


def test_million_brackets_are_survived() -> None:
    data = pdf(text("Hello"), entries=b"/X " + b"[" * 1_000_000)
    with contextlib.suppress(DocumentError), small(data, seconds=10) as source:
        source.render(0)


def test_page_tree_that_is_its_own_child() -> None:
    data = pdf_file(
        [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 4>>"]
    )
    with open_document(data) as source, pytest.raises(PageError, match="missing or damaged"):
        source.render(0)


def test_close_ends_what_is_rendered() -> None:
    source = PdfSource("slow.pdf", data=BOMBS["a pattern of tiny tiles"](), dpi=72)
    begun = threading.Event()
    process = source._process
    assert process is not None
    line = process.line

    def noted() -> dict[str, Any]:
        begun.set()
        return line()

    process.line = noted  # type: ignore[method-assign]
    errors: list[Exception] = []

    def read() -> None:
        try:
            source.render(0)
        except DocumentError as error:
            errors.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    begun.wait()
    source.close()
    thread.join()
    assert "is closed" in str(errors[0])
    with pytest.raises(DocumentError, match="is closed"):
        source.render(0)


def test_many_threads_may_ask() -> None:
    with open_document(pdf(*(text(f"page {n}") for n in range(8)))) as source:
        alone = [source.render(n).pixels for n in range(8)]
        pages: dict[int, RenderedPage] = {}
        threads = [
            threading.Thread(target=lambda n=n: pages.update({n: source.render(n)}))
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert all(np.array_equal(pages[n].pixels, alone[n]) for n in range(8))


def test_another_process_goes_on_after_many_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """What PDFium keeps of pages does not grow with their number."""
    monkeypatch.setattr("ppocrvl.parsing.sources.pdf.PAGES_A_PROCESS", 3)
    data = pdf(*(text(f"page {n}") for n in range(8)))
    processes, alone = [], [render(data, n, dpi=36).pixels for n in range(8)]
    with open_document(data, dpi=36) as source:
        assert isinstance(source, PdfSource)
        for n in range(8):
            assert np.array_equal(source.render(n).pixels, alone[n])
            assert source._process is not None
            processes.append(source._process._process.pid)
            assert "".join(one.text for one in source.text_layer(n)) == f"page {n}"
    assert len(set(processes)) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux: /proc")
def test_answer_is_whole_after_a_stop_in_its_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal that interrupts a write, as Ctrl-Z does, loses nothing; unbuffered Python too."""
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    page = render(HELLO)
    pixels = np.empty_like(page.pixels)
    with open_document(HELLO) as source:
        assert isinstance(source, PdfSource)
        process = source._process
        assert process is not None
        height, width, _ = pixels.shape
        process.ask(ask="render", page=0, width=width, height=height)
        number = process._process.pid
        stat = Path(f"/proc/{number}/stat")
        for sent, state in ((None, "S"), (signal.SIGSTOP, "T"), (signal.SIGCONT, "S")):
            if sent is not None:
                os.kill(number, sent)
            while stat.read_text().rpartition(")")[2].split()[0] != state:  # S: the pipe is full
                time.sleep(0.001)
        process.read_into(pixels)
    assert np.array_equal(pixels, page.pixels)


def test_nothing_is_left_behind() -> None:
    source = open_document(HELLO)
    assert isinstance(source, PdfSource)
    process = source._process
    assert process is not None
    child = process._process
    del source, process
    assert child.poll() is not None  # dropped without `close`


def test_document_on_disk_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "a b\N{GREEK SMALL LETTER ALPHA}.pdf"
    path.write_bytes(HELLO)
    with open_document(path) as source:
        assert source.name == str(path)
        assert source.render(0).pixels.shape == (1584, 1224, 3)


SEEDS = [
    *range(12),
    *(pytest.param(seed, marks=[pytest.mark.slow, pytest.mark.long]) for seed in range(12, 512)),
]


@pytest.mark.parametrize("seed", SEEDS)
def test_mutated_files(seed: int) -> None:
    """Pages, or one line about the document or the page; nothing else."""
    data = mutated(RICH, seed)
    if b"%PDF-" not in data[:1024]:
        return
    said = []
    try:
        with PdfSource("bad.pdf", data=data, dpi=36, seconds=20) as source:
            for index in range(min(source.n_pages, 3)):
                try:
                    source.render(index)
                    source.text_layer(index)
                except PageError as error:
                    said.append(str(error))
    except DocumentError as error:
        said.append(str(error))
    assert all(re.fullmatch(r"(page [123] of )?bad\.pdf [^\n]+", one) for one in said)
