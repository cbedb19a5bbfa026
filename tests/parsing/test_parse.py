# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl.parse` and its kin."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from tests.parsing.fakes import HeldReader, Stripes, TrueReader, painted, result, true_text

import ppocrvl
from ppocrvl import api
from ppocrvl.layout.region import Region
from ppocrvl.parsing.sources.opening import open_document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TWO_PAGES = [painted(0, 2), painted(1, 3)]


def texts(pages: Any) -> list[list[str]]:
    return [[block.text for block in page.blocks] for page in pages]


@pytest.fixture
def last_engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[api._LastEngine]:
    last = api._LastEngine()
    monkeypatch.setattr(api, "_last", last)
    yield last
    if last._engine is not None:
        last._engine.close()


def test_a_document_with_all_its_pages() -> None:
    reader = TrueReader()
    document = ppocrvl.parse(TWO_PAGES, layout=Stripes(), engine=reader, max_tokens=77)
    assert texts(document.pages) == [[true_text(p, b) for b in range(p + 2)] for p in range(2)]
    assert {request.max_tokens for request in reader.requests} == {77}


def test_chosen_pages_keep_their_index() -> None:
    source = [painted(page, 1) for page in range(5)]
    given: Any = {"layout": Stripes(), "engine": TrueReader()}
    document = ppocrvl.parse(source, pages="2,-1", **given)
    assert texts(document.pages) == [["page 1 block 0"], ["page 4 block 0"]]
    assert [page.index for page in document.pages] == [1, 4]


def test_drafts_are_for_readers_that_take_them() -> None:
    given: Any = {"layout": Stripes()}
    for takes, options, drafts in (
        (False, {}, {None}),
        (True, {}, {"auto"}),
        (True, {"drafts": "none"}, {None}),
        (True, {"temperature": 0.5}, {None}),
    ):
        reader: Any = TrueReader()
        reader.takes_drafts = takes
        ppocrvl.parse(TWO_PAGES, engine=reader, **given, **options)
        assert {request.draft for request in reader.requests} == drafts
    other: Any = "always"
    with pytest.raises(ppocrvl.OptionError, match="drafts must be auto or none"):
        ppocrvl.parse(TWO_PAGES, engine=TrueReader(), drafts=other, **given)
    with pytest.raises(ppocrvl.OptionError, match="draft is not for documents"):
        ppocrvl.parse(TWO_PAGES, engine=TrueReader(), draft="x", **given)


def test_a_page_is_given_before_the_next_is_read() -> None:
    reader = HeldReader()
    pages = ppocrvl.parse_pages(TWO_PAGES, layout=Stripes(), engine=reader)
    giving = threading.Thread(target=give_first, args=[reader])
    giving.start()
    assert texts([next(pages)]) == [["page 0 block 0", "page 0 block 1"]]
    giving.join()
    pages.close()
    assert len(reader.held) == 3
    assert all(future.cancelled() for _, future in reader.held)


def give_first(reader: HeldReader) -> None:
    reader.wait_for(5)
    reader.give("page 0 block 1")
    reader.give("page 0 block 0")


def test_asyncio() -> None:
    async def run() -> None:
        document = await ppocrvl.aparse(TWO_PAGES, layout=Stripes(), engine=TrueReader())
        assert len(document.pages) == 2
        reader = HeldReader()
        parsing = asyncio.create_task(ppocrvl.aparse(TWO_PAGES, layout=Stripes(), engine=reader))
        await asyncio.to_thread(reader.wait_for, 5)
        parsing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await parsing
        for _, future in reader.held:  # by the thread, if it had only just begun them
            with pytest.raises(concurrent.futures.CancelledError):
                future.result(timeout=600)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "table"}, "task is not for documents"),
        ({"prompt": "x"}, "prompt is not for documents"),
        ({"dpi": 1}, "dpi must be from"),
        ({"dpi": float("nan")}, "dpi must be from"),
        ({"pages": ""}, "pages must be"),
        ({"pages": "2-1"}, "ends before it begins"),
        ({"page_deadline": -1.0}, "page_deadline must be"),
        ({"text_layer": "always"}, "text_layer must be"),
        ({"charts": 1}, "charts must be"),
        ({"max_tokens": 0}, "max_tokens must be"),
        ({"model": "x"}, "a model or an engine"),
    ],
)
def test_what_cannot_be_is_an_error(options: Any, message: str) -> None:
    with pytest.raises(ppocrvl.OptionError, match=message):
        ppocrvl.parse(TWO_PAGES, layout=Stripes(), engine=TrueReader(), **options)


def test_an_unknown_argument() -> None:
    options: Any = {"nonsense": 1}
    with pytest.raises(TypeError, match="nonsense"):
        ppocrvl.parse_pages(TWO_PAGES, **options)


def test_a_model_that_reads_few_lines_gets_strips(samples: Path) -> None:
    """As many as its file says; their answers are one text, and each line has its place."""

    class Short(TrueReader):
        info = SimpleNamespace(max_lines=2)

    reader = Short(answer=lambda _: result("a line"))
    (page,) = ppocrvl.parse(samples / "hello.png", layout="none", engine=reader).pages
    assert len(reader.requests) == 2  # of three lines
    assert page.blocks[0].text == "a line\na line"


def test_of_what_the_model_was_not_trained_for_the_picture_is_shown() -> None:
    """As its file says. The text says so too: a reader must not think that nothing was there."""

    class Plain(TrueReader):
        info = SimpleNamespace(max_lines=0, tasks=("ocr", "table"))

    class Formula:
        def detect(self, _: Any) -> list[Region]:
            return [Region.of_box("display_formula", 0.9, (10, 10, 90, 40), 0)]

    image = Image.new("RGB", (100, 50), "white")
    reader = Plain(answer=lambda _: result("never"))
    document = ppocrvl.parse(image, layout=Formula(), engine=reader)
    assert reader.requests == []
    said = "not read: page 1, block 1 (display_formula): the model was not trained for this"
    assert document.to_markdown() == f"<!-- {said} -->\n"
    assert "![](document_images/page-1-display_formula-1.jpg)" in document.to_markdown(
        figures="files"
    )


def test_what_cannot_be_opened_is_raised(tmp_path: Path) -> None:
    for read in (ppocrvl.parse, lambda *a, **o: list(ppocrvl.parse_pages(*a, **o))):
        with pytest.raises(ppocrvl.DocumentNotFoundError):
            read(tmp_path / "missing.pdf", layout="none", engine=TrueReader())


def test_with_the_built_in_reader(last_engine: api._LastEngine, samples: Path) -> None:
    """The engine stays, and serves `ocr` as well."""
    document = ppocrvl.parse(samples / "hello.png", layout="none")
    (block,) = document.pages[0].blocks
    assert block.text == (samples / "hello.txt").read_text(encoding="utf-8").strip()
    assert block.finish_reason == "stop"
    engine = last_engine._engine
    assert str(ppocrvl.ocr(samples / "hello.png")) == block.text
    assert last_engine._engine is engine
    cut = ppocrvl.parse(samples / "hello.png", layout="none", page_deadline=0.0)
    assert cut.pages[0].blocks[0].finish_reason == "deadline"


def test_two_parsers_in_two_threads(samples: Path) -> None:
    """Share an engine, and do not mix."""
    # Else the same picture may be read otherwise in other company: sums are rounded otherwise.
    with ppocrvl.Engine(n_parallel=2, deterministic=True) as engine:
        found: dict[str, str] = {}

        def read(name: str) -> None:
            document = ppocrvl.parse([samples / name] * 3, layout="none", engine=engine)
            (found[name],) = {page.blocks[0].text for page in document.pages}

        threads = [threading.Thread(target=read, args=[n]) for n in ("hello.png", "table.png")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found["hello.png"].startswith("Hello world!")
        assert "Bread" in found["table.png"]


def test_a_page_on_its_side_is_turned(samples: Path) -> None:
    """If that is asked for."""
    given: Any = {"layout": "none", "engine": TrueReader(answer=lambda _: result("text"))}
    (page,) = ppocrvl.parse(samples / "paper.pdf", pages="1", **given).pages
    with open_document(samples / "paper.pdf") as source:
        pixels = source.render(0).pixels
    (lying,) = ppocrvl.parse(np.rot90(pixels), turn=True, **given).pages
    assert (page.rotation, page.notes) == (0, ())
    assert (lying.rotation, lying.width, lying.height) == (90, page.width, page.height)
    assert lying.notes == ("turned by 90 degrees to stand upright",)
    (left,) = ppocrvl.parse(np.rot90(pixels), **given).pages
    assert (left.rotation, left.width, left.height) == (0, page.height, page.width)
