# SPDX-License-Identifier: Apache-2.0
"""Pages through layout and reader: nothing is lost, whatever ends when."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.parsing.fakes import (
    ROWS,
    WIDTH,
    HeldReader,
    Shown,
    ShufflingReader,
    Stripes,
    TrueReader,
    jobs,
    name_of,
    painted,
    result,
    true_text,
)

from ppocrvl.errors import CancelledError, EngineError, ImageDecodeError, PpocrvlError
from ppocrvl.parsing.block_options import BlockOptions
from ppocrvl.parsing.open_page import OpenPage
from ppocrvl.parsing.parts import BlocksRead, NoDocument, PageFound, PageJob, PageRead, Parts
from ppocrvl.parsing.pipeline import Pages
from ppocrvl.parsing.remembering import Memory
from ppocrvl.parsing.window import Load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from ppocrvl.requests.results import Result


def pages_of(
    source: Any,
    reader: Any,
    *,
    layout: Stripes | None = None,
    page_deadline: float | None = None,
    limit: Load | None = None,
) -> Pages:
    parts = Parts(
        layout or Stripes(), reader, Memory(None, {}), BlockOptions(), page_deadline=page_deadline
    )
    return Pages(source, parts, limit=limit)


def texts(page: PageRead | NoDocument) -> list[str]:
    assert isinstance(page, PageRead)
    return [block.text for block in page.data.blocks]


@settings(max_examples=25)
@given(
    blocks=st.lists(st.integers(0, 9), max_size=12),
    seed=st.integers(0, 2**32),
    limit=st.builds(Load, st.integers(1, 5), st.integers(1, 8), st.integers(1, 20_000)),
)
def test_nothing_is_lost(blocks: list[int], seed: int, limit: Load) -> None:
    """Whatever order answers come in, and however little may be held."""
    reader = ShufflingReader(seed)
    try:
        with pages_of(jobs(blocks), reader, limit=limit) as pages:
            read = list(pages)
    finally:
        reader.end()
    assert [texts(page) for page in read] == [
        [true_text(page, block) for block in range(n)] for page, n in enumerate(blocks)
    ]
    assert [one.data.index for one in read if isinstance(one, PageRead)] == list(range(len(blocks)))


def test_blocks_of_several_pages_are_under_way_and_pages_come_in_order() -> None:
    reader = HeldReader(n_parallel=2)
    with pages_of(jobs([2, 2, 2]), reader) as pages:
        reader.wait_for(6)  # none was answered
        for name in ("page 2 block 0", "page 2 block 1", "page 1 block 1", "page 0 block 1"):
            reader.give(name)
        reader.give("page 0 block 0")
        assert texts(next(pages)) == ["page 0 block 0", "page 0 block 1"]  # 1 is still read
        reader.give()
        assert [texts(page)[1] for page in pages] == ["page 1 block 1", "page 2 block 1"]


def test_steps_tell_regions_then_blocks_then_the_page() -> None:
    reader = HeldReader(n_parallel=2)
    with pages_of(jobs([2, 1]), reader) as pages:
        reader.wait_for(3)
        found = [pages.step(), pages.step()]
        assert [one.data.index for one in found if isinstance(one, PageFound)] == [0, 1]
        first = found[0]
        assert isinstance(first, PageFound)
        assert [(block.box[1], block.text) for block in first.data.blocks] == [(0, ""), (ROWS, "")]
        told = []
        for name in ("page 1 block 0", "page 0 block 1", "page 0 block 0"):
            reader.give(name)
            step = pages.step()
            assert isinstance(step, BlocksRead)
            told.append((step.page, [block.text for block in step.blocks]))
        assert told == [
            (1, ["page 1 block 0"]),
            (0, ["page 0 block 1"]),
            (0, ["page 0 block 0"]),
        ]
        assert [texts(page) for page in pages] == [
            ["page 0 block 0", "page 0 block 1"],
            ["page 1 block 0"],
        ]
        assert pages.step() is None


def test_a_page_that_fails_comes_by_itself() -> None:
    def rendering(index: int) -> None:
        if index == 0:
            raise ImageDecodeError("no picture")

    with pages_of(jobs([1, 1], rendering=rendering), TrueReader()) as pages:
        steps = list(iter(pages.step, None))
    kinds = [type(step) for step in steps]
    assert kinds.count(PageFound) == 1
    assert kinds.count(PageRead) == 2


@pytest.mark.parametrize(
    "limit",
    [
        Load(pages=3, blocks=100, n_bytes=1 << 20),
        Load(pages=100, blocks=3, n_bytes=1 << 20),
        Load(pages=100, blocks=100, n_bytes=2 * painted(0, 2).nbytes),
    ],
)
def test_pages_are_rendered_only_as_they_are_needed(limit: Load) -> None:
    """At no rendering was more held than the window allows."""
    held: list[Load] = []
    has_begun = threading.Event()

    def look(_: int) -> None:
        has_begun.wait()
        held.append(pages._window.held)

    reader = ShufflingReader(1)
    pages = pages_of(jobs([2] * 40, rendering=look), reader, limit=limit)
    has_begun.set()
    assert all(texts(page)[1].endswith("block 1") for page in pages)
    reader.end()
    assert len(held) == 40
    assert max(one.pages for one in held) <= limit.pages  # itself included
    assert max(one.blocks for one in held) < limit.blocks
    assert max(one.n_bytes for one in held) < limit.n_bytes
    assert pages._window.held.n_bytes == pages._window.held.blocks == 0


def test_what_fails_is_marked_and_the_rest_is_read() -> None:
    class BadLayout(Stripes):
        def detect(self, image: npt.NDArray[np.uint8]) -> Any:
            if name_of(image).startswith("page 3"):
                raise EngineError("the layout\nfailed")
            if name_of(image).startswith("page 4"):
                raise ZeroDivisionError("a fault")
            if name_of(image).startswith("page 5"):
                raise MemoryError
            return super().detect(image)

    def answer(pixels: npt.NDArray[np.uint8]) -> Result | PpocrvlError:
        name = name_of(pixels)
        return EngineError("no luck") if name == "page 1 block 1" else result(name)

    def rendering(index: int) -> None:
        if index == 2:
            raise ImageDecodeError("page 3 is damaged")

    missing = NoDocument(0, ImageDecodeError("x.pdf is no PDF"))
    source = chain([missing], jobs([2] * 7, document=1, rendering=rendering))
    with pages_of(source, TrueReader(answer=answer), layout=BadLayout()) as pages:
        first, *read = list(pages)
    assert first is missing
    errors = [one.data.error for one in read if isinstance(one, PageRead)]
    assert errors[:4] == [None, None, "page 3 is damaged", "the layout failed"]
    assert errors[4] == "ZeroDivisionError: a fault; please report this"
    assert "memory" in str(errors[5])
    assert errors[6] is None
    assert texts(read[0]) == ["page 0 block 0", "page 0 block 1"]
    bad = read[1]
    assert isinstance(bad, PageRead)
    assert [block.error for block in bad.data.blocks] == [None, "no luck"]
    assert [block.finish_reason for block in bad.data.blocks] == ["stop", "error"]
    assert [type(error) for error in bad.errors] == [EngineError]
    assert texts(bad)[0] == "page 1 block 0"


def test_a_reader_that_refuses_is_no_end() -> None:
    class Refusing(TrueReader):
        def submit(self, image: Any) -> Any:  # noqa: ARG002
            raise EngineError("the engine is closed")

    read = list(pages_of(jobs([1, 1]), Refusing()))
    assert [one.data.blocks[0].error for one in read if isinstance(one, PageRead)] == [
        "the engine is closed"
    ] * 2


def test_closing_cancels_what_is_under_way() -> None:
    reader = HeldReader()
    closed = threading.Event()

    def source() -> Iterator[PageJob]:
        try:
            yield from jobs([1] * 100)
        finally:
            closed.set()

    pages = pages_of(source(), reader)
    reader.wait_for(3)
    pages.close()
    pages.close()
    assert all(future.cancelled() for _, future in reader.held)
    assert closed.is_set()
    with pytest.raises(CancelledError, match="closed before"):
        next(pages)


def test_dropping_closes() -> None:
    reader = HeldReader()
    pages = pages_of(jobs([1] * 100), reader)
    reader.wait_for(3)
    thread = pages._feeder._thread
    del pages
    gc.collect()
    assert not thread.is_alive()
    assert all(future.cancelled() for _, future in reader.held)


def test_closing_from_another_thread_wakes_who_waits() -> None:
    reader = HeldReader()
    pages = pages_of(jobs([1]), reader)
    reader.wait_for(1)
    heard: list[BaseException] = []

    def ask() -> None:
        try:
            next(pages)
        except CancelledError as error:
            heard.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    pages.close()
    asking.join()
    assert heard


def test_an_error_of_the_source_is_the_callers() -> None:
    def source() -> Iterator[PageJob]:
        yield from jobs([1])
        raise KeyError("a fault")

    with pages_of(source(), TrueReader()) as pages:
        with pytest.raises(KeyError):
            list(pages)
        with pytest.raises(KeyError):
            next(pages)


def test_the_deadline_of_a_page_is_that_of_its_blocks() -> None:
    reader = TrueReader()
    list(pages_of(jobs([2]), reader, page_deadline=1000.0))
    deadlines = [request.deadline for request in reader.requests]
    assert all(one is not None and 0 < one <= 1000 for one in deadlines)
    list(pages_of(jobs([1]), reader))
    assert reader.requests[-1].deadline is None


def test_a_page_that_took_too_long_to_find_its_blocks_has_no_time_left() -> None:
    reader = TrueReader()
    list(pages_of(jobs([1]), reader, page_deadline=0.0))
    assert reader.requests[0].deadline == 0.0


def test_a_page_that_is_done_weighs_its_picture() -> None:
    (job,) = jobs([1])
    page = OpenPage(job, since=0.0)
    page.rendered(Shown(painted(0, 1)), keep_image=True)
    assert page.n_bytes == painted(0, 1).nbytes
    page.planned([])
    page.let_go()
    image = page.result().data.image
    assert image is not None
    assert page.n_bytes == len(image.data) > 0


def test_rotation_and_notes_are_kept() -> None:
    shown = Shown(painted(0, 1), 96.0, 90, ("rendered at 96 dpi",))
    (job,) = jobs([1])
    (read,) = pages_of([replace(job, index=4, render=lambda: shown)], TrueReader())
    assert isinstance(read, PageRead)
    page = read.data
    assert (page.index, page.dpi, page.rotation, page.notes) == (
        4,
        96.0,
        90,
        ("rendered at 96 dpi",),
    )
    assert (page.width, page.height) == (40, 12)


def test_a_thousand_pages_take_no_more_memory_than_ten(tmp_path: Path, project_root: Path) -> None:
    """Held, their pixels alone would be 247 MB. What grows is the index of the journal."""

    def most(n_pages: int) -> int:
        command = [sys.executable, "-m", "tests.parsing.memory_worker", str(n_pages)]
        journal = str(tmp_path / str(n_pages))
        done = subprocess.run(
            [*command, journal], cwd=project_root, check=True, capture_output=True, text=True
        )
        return int(done.stdout)

    # 5 % of what a process takes that has loaded the built-in model.
    assert most(1000) - most(10) < 5 * 1024


@dataclass(frozen=True)
class Letter:
    text: str
    box: tuple[float, float, float, float]
    mapped: bool = True


def letters(page: int, n_blocks: int, *, wrong: frozenset[int] = frozenset()) -> list[Letter]:
    """The text layer of a painted page; in some blocks it says something else."""
    found = []
    for block in range(n_blocks):
        text = "#" * 14 if block in wrong else true_text(page, block)
        for column, sign in enumerate(text):
            top = float(block * ROWS)
            box = (column * 2.0, top + 2, column * 2.0 + 1.5, top + 9)
            found.append(Letter(sign, (0, 0, 0, 0) if sign == " " else box))
    return found


class Paragraphs(Stripes):
    def detect(self, image: npt.NDArray[np.uint8]) -> Any:
        found = super().detect(image)
        return [replace(region, label="paragraph_title") for region in found]


@pytest.mark.parametrize(
    ("wrong", "n_read"),
    [(frozenset(), 2), (frozenset({0, 1, 2, 3, 4}), 10), (frozenset({9}), 2)],
)
def test_text_layer(wrong: frozenset[int], n_read: int) -> None:
    """A sample of two blocks is read; where it disagrees, all of them are."""
    (job,) = jobs([10])
    job = replace(job, text_layer=lambda: letters(0, 10, wrong=wrong))
    reader = TrueReader()
    parts = Parts(Paragraphs(), reader, Memory(None, {}), BlockOptions(), uses_text_layer=True)
    (read,) = Pages([job], parts)
    assert isinstance(read, PageRead)
    assert len(reader.requests) == n_read
    sources = [block.source for block in read.data.blocks]
    assert sources.count("model") == n_read
    assert sources.count("text-layer") == 10 - n_read
    right = [true_text(0, block) for block in range(10)]
    got = texts(read)
    assert [t for n, t in enumerate(got) if n not in wrong or n_read == 10] == [
        t for n, t in enumerate(right) if n not in wrong or n_read == 10
    ]


@pytest.mark.parametrize("uses_text_layer", [False, True])
def test_the_reader_is_told_what_the_layer_says(*, uses_text_layer: bool) -> None:
    (job,) = jobs([10])
    wrong: frozenset[int] = frozenset() if uses_text_layer else frozenset({4})
    job = replace(job, text_layer=lambda: letters(0, 10, wrong=wrong))
    reader = TrueReader()
    parts = Parts(
        Paragraphs(),
        reader,
        Memory(None, {}),
        BlockOptions(),
        uses_text_layer=uses_text_layer,
        gives_drafts=True,
    )
    (read,) = Pages([job], parts)
    assert texts(read) == [true_text(0, block) for block in range(10)]
    told = {name_of(np.asarray(one.image)): one.draft for one in reader.requests}
    assert len(told) == (2 if uses_text_layer else 10)
    for text, draft in told.items():
        assert draft == ("#" * 14 if wrong and text == true_text(0, 4) else text)


class Mixed(Stripes):
    """The first block is a table, two are read as one, the others are headings."""

    def detect(self, image: npt.NDArray[np.uint8]) -> Any:
        found = super().detect(image)
        labels = ["table", "text", "text", *["paragraph_title"] * len(found)]
        found = [replace(one, label=label) for one, label in zip(found, labels, strict=False)]
        top = found[1].box[1]
        beside = [(0, top, 18, top + ROWS), (20, top, WIDTH, top + ROWS)]
        found[1:3] = [replace(one, box=b) for one, b in zip(found[1:3], beside, strict=True)]
        return found


def test_what_needs_a_model_is_not_taken_from_the_text_layer() -> None:
    """Tables, whose cells the layer does not have, and blocks that are read as one."""
    (job,) = jobs([10])
    job = replace(job, text_layer=lambda: letters(0, 10))
    parts = Parts(Mixed(), TrueReader(), Memory(None, {}), BlockOptions(), uses_text_layer=True)
    (read,) = Pages([job], parts)
    assert isinstance(read, PageRead)
    sources = [block.source for block in read.data.blocks]
    assert (sources[0], sources[1]) == ("model", "model")
    assert read.data.blocks[1].group == read.data.blocks[2].group is not None
    assert sources[3:].count("text-layer") == 5


def test_the_text_layer_of_a_page_that_was_turned_is_not_used() -> None:
    """Its letters lie elsewhere."""
    (job,) = jobs([10])
    lying = Shown(painted(0, 10))
    job = replace(job, render=lambda: lying, text_layer=lambda: letters(0, 10))
    turned = replace(lying, rotation=180)
    parts = Parts(
        Paragraphs(),
        TrueReader(),
        Memory(None, {}),
        BlockOptions(),
        uses_text_layer=True,
        turns_pages=True,
    )
    with mock.patch("ppocrvl.parsing.feeder.upright", return_value=turned):
        (read,) = Pages([job], parts)
    assert isinstance(read, PageRead)
    assert {block.source for block in read.data.blocks} == {"model"}


def test_a_text_layer_that_cannot_be_had_is_none() -> None:
    def fail() -> Any:
        raise EngineError("no memory")

    (job,) = jobs([3])
    reader = TrueReader()
    parts = Parts(Paragraphs(), reader, Memory(None, {}), BlockOptions(), uses_text_layer=True)
    (read,) = Pages([replace(job, text_layer=fail)], parts)
    assert len(texts(read)) == len(reader.requests) == 3
