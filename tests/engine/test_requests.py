# SPDX-License-Identifier: Apache-2.0
"""Many requests of different kinds, prepared in threads, in order or as they end."""

from __future__ import annotations

import asyncio
import io
import itertools
import threading
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from tests.waiting import SECONDS

import ppocrvl
from ppocrvl.engine.preparing import THREADS
from ppocrvl.errors import EngineError, ImageNotFoundError, OptionError
from ppocrvl.images.load import load_image

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    Picture = npt.NDArray[np.uint8]

LONG = 30_000
LOADS = "ppocrvl.images.pixels.load_image"


@pytest.fixture(scope="module")
def four(endless_model: Path) -> Iterator[ppocrvl.Engine]:
    with ppocrvl.Engine(endless_model, n_parallel=4) as engine:
        yield engine


@pytest.fixture(scope="module")
def encoded(picture: Picture) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def many(engine: ppocrvl.Engine, items: Iterable[Any], **options: Any) -> list[ppocrvl.Outcome]:
    return list(engine.ocr_many(items, **options))


def many_async(
    engine: ppocrvl.Engine, items: Iterable[Any], **options: Any
) -> list[ppocrvl.Outcome]:
    async def read() -> list[ppocrvl.Outcome]:
        return [one async for one in engine.aocr_many(items, **options)]

    return asyncio.run(read())


def many_from_async(
    engine: ppocrvl.Engine, items: Iterable[Any], **options: Any
) -> list[ppocrvl.Outcome]:
    async def source() -> AsyncIterator[Any]:
        for item in items:
            await asyncio.sleep(0)
            yield item

    async def read() -> list[ppocrvl.Outcome]:
        return [one async for one in engine.aocr_many(source(), **options)]

    return asyncio.run(read())


WAYS = [many, many_async, many_from_async]


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("read", WAYS)
def test_pictures_and_requests_mixed(
    four: ppocrvl.Engine,
    picture: Picture,
    read: Any,
    ordered: bool,  # noqa: FBT001
) -> None:
    items = [
        picture,
        ppocrvl.Request(picture, task="table", max_tokens=5, tag="mine"),
        "missing.png",
        ppocrvl.Request("missing.png", tag=3),
        None,
        picture,
    ]
    outcomes = read(four, items, max_tokens=2, ordered=ordered)
    if ordered:
        assert [one.index for one in outcomes] == list(range(6))
    outcomes.sort(key=lambda one: one.index)
    kinds = [type(one).__name__ for one in outcomes]
    missing = "ImageNotFoundError"
    assert kinds == ["Result", "Result", missing, missing, "OptionError", "Result"]
    assert [one.tag for one in outcomes] == [None, "mine", None, 3, None, None]
    results = [outcomes[place] for place in (0, 1, 5)]
    # A request has its own options, and none of the call's.
    assert [(one.task, one.timings.generated_tokens) for one in results] == [
        *(("ocr", 2), ("table", 5)),
        ("ocr", 2),
    ]
    with pytest.raises(OptionError, match="unknown task"):
        read(four, [], task="read")


def test_one_request_everywhere(four: ppocrvl.Engine, picture: Picture) -> None:
    request = ppocrvl.Request(picture, max_tokens=3, tag="mine")

    async def read() -> list[ppocrvl.Result]:
        async with await four.astream(request) as stream:
            return [await four.aocr(request), await stream.wait()]

    with four.stream(request) as stream:
        results = [four.ocr(request), stream.wait(), *asyncio.run(read())]
    results.append(four.submit(request).result(SECONDS))
    assert {(one.tag, one.timings.generated_tokens) for one in results} == {("mine", 3)}
    for ask in (four.ocr, four.stream, four.submit):
        with pytest.raises(OptionError, match="put max_tokens into it"):
            ask(request, max_tokens=3)


def test_a_retried_request_keeps_its_tag(four: ppocrvl.Engine, picture: Picture) -> None:
    retry = ppocrvl.Retry(below=1.0)
    request = ppocrvl.Request(picture, max_tokens=2, retry=retry, tag="mine")
    (outcome,) = four.ocr_many([request])
    assert isinstance(outcome, ppocrvl.Result)
    assert (outcome.tag, len(outcome.attempts)) == ("mine", 3)


@pytest.mark.parametrize("way", ["ocr_many", "aocr_many"])
def test_outcomes_as_they_end(
    four: ppocrvl.Engine, picture: Picture, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """The first picture begins when somebody has the outcomes of the others."""
    go = threading.Event()
    start = ppocrvl.Engine._start

    def late(engine: ppocrvl.Engine, request: ppocrvl.Request, **more: Any) -> Any:
        if request.tag == "late":
            assert go.wait(SECONDS)
        return start(engine, request, **more)

    monkeypatch.setattr(ppocrvl.Engine, "_start", late)
    items = [ppocrvl.Request(picture, max_tokens=1, tag=tag) for tag in ("late", "b", "c")]
    found: list[object] = []

    def note(outcome: ppocrvl.Outcome) -> None:
        found.append(outcome.tag)
        if len(found) == 2:
            go.set()

    async def read() -> None:
        async for outcome in four.aocr_many(items, ordered=False):
            note(outcome)

    if way == "aocr_many":
        asyncio.run(read())
    else:
        for outcome in four.ocr_many(items, ordered=False):
            note(outcome)
    assert set(found[:2]) == {"b", "c"}
    assert found[2] == "late"


def test_an_outcome_does_not_wait_for_the_next_picture(
    four: ppocrvl.Engine, picture: Picture
) -> None:
    """As of a camera: the second picture comes when the first one's outcome is there."""

    async def read() -> list[int]:
        seen = asyncio.Event()

        async def source() -> AsyncIterator[Picture]:
            yield picture
            await seen.wait()
            yield picture

        found = []
        async for outcome in four.aocr_many(source(), max_tokens=1):
            found.append(outcome.index)
            seen.set()
        return found

    assert asyncio.run(asyncio.wait_for(read(), SECONDS)) == [0, 1]


def submit_all(
    engine: ppocrvl.Engine, items: Iterable[Any], **options: Any
) -> list[ppocrvl.Outcome]:
    answers = [engine.submit(item, **options) for item in items]
    return [answer.result(SECONDS) for answer in answers]


@pytest.mark.parametrize("read", [*WAYS, submit_all])
def test_pictures_are_prepared_in_threads_several_at_once(
    four: ppocrvl.Engine, encoded: bytes, monkeypatch: pytest.MonkeyPatch, read: Any
) -> None:
    """The first go on when `THREADS` pictures are being loaded, and never are there more.

    Which ones are the first is open: those that come later may be loaded before.
    """
    together = threading.Barrier(THREADS)
    entries = itertools.count()
    lock = threading.Lock()
    now, most, names = 0, 0, set()

    def watched(*args: Any, **more: Any) -> Any:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
            names.add(threading.current_thread().name.rpartition("_")[0])
            is_first = next(entries) < THREADS
        if is_first:
            together.wait(SECONDS)
        try:
            return load_image(*args, **more)
        finally:
            with lock:
                now -= 1

    monkeypatch.setattr(LOADS, watched)
    outcomes = read(four, [encoded] * (2 * THREADS), max_tokens=1)
    assert [type(one).__name__ for one in outcomes] == ["Result"] * 2 * THREADS
    assert most == THREADS
    assert names == {"ppocrvl-prepare"}


def test_submit_does_not_wait_for_the_picture(
    four: ppocrvl.Engine, encoded: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    returned = threading.Event()

    def late(*args: Any, **more: Any) -> Any:
        assert returned.wait(SECONDS)
        return load_image(*args, **more)

    monkeypatch.setattr(LOADS, late)
    answer = four.submit(encoded, max_tokens=1)
    returned.set()
    assert answer.result(SECONDS).finish_reason == "length"


def test_submit_waits_where_too_many_wait_for_a_thread(
    endless_model: Path, encoded: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    loading = threading.Semaphore(0)

    def late(*args: Any, **more: Any) -> Any:
        loading.release()
        assert go.wait(SECONDS)
        return load_image(*args, **more)

    monkeypatch.setattr(LOADS, late)
    with ppocrvl.Engine(endless_model, max_waiting=1) as engine:
        waits = threading.Event()
        has_room = engine._preparing._has_room

        def asked() -> bool:
            if not has_room():
                waits.set()
            return has_room()

        monkeypatch.setattr(engine._preparing, "_has_room", asked)
        first = engine.submit(encoded, max_tokens=1)
        assert loading.acquire(timeout=SECONDS)
        answers: list[ppocrvl.Answer] = []
        second = threading.Thread(
            target=lambda: answers.append(engine.submit(encoded, max_tokens=1))
        )
        second.start()
        assert waits.wait(SECONDS)
        assert not answers
        go.set()
        second.join(SECONDS)
        done = [first.result(SECONDS), answers[0].result(SECONDS)]
        assert {one.finish_reason for one in done} == {"length"}


def test_closing_wakes_who_waits_to_submit(endless_model: Path) -> None:
    engine = ppocrvl.Engine(endless_model, max_waiting=1)
    engine._preparing.enter("one")
    errors: list[Exception] = []

    def submit() -> None:
        try:
            engine.submit("missing.png")
        except EngineError as error:
            errors.append(error)

    waiting = threading.Thread(target=submit)
    waiting.start()
    engine.close()
    waiting.join(SECONDS)
    assert "closed" in str(errors)


def sources(picture: Picture, tmp_path: Path) -> Iterator[Any]:
    """Pictures that are gone when the next one is asked for."""
    path = tmp_path / "a.png"
    Image.fromarray(picture).save(path)
    with path.open("rb") as file:
        yield file
    with Image.open(path) as image:
        yield image
    pixels = picture.copy()
    yield pixels
    pixels[:] = 0
    data = bytearray(path.read_bytes())
    yield ppocrvl.Request(memoryview(data), max_tokens=5)
    data[:] = bytes(len(data))


@pytest.mark.parametrize("way", ["ocr_many", "aocr_many", "submit"])
def test_what_was_given_may_change_afterwards(
    four: ppocrvl.Engine,
    picture: Picture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    expected = four.ocr(picture, max_tokens=5).text
    begun = threading.Event()
    start = ppocrvl.Engine._start
    monkeypatch.setattr(
        ppocrvl.Engine, "_start", lambda *a, **m: begun.wait(SECONDS) and start(*a, **m)
    )

    def until_all_are_taken() -> Iterator[Any]:
        yield from sources(picture, tmp_path)
        begun.set()  # three of the threads wait for it: one is left to keep the fourth picture

    outcomes: list[ppocrvl.Outcome]
    if way == "submit":
        answers = [
            four.submit(one) if isinstance(one, ppocrvl.Request) else four.submit(one, max_tokens=5)
            for one in until_all_are_taken()
        ]
        outcomes = [answer.result(SECONDS) for answer in answers]
    else:
        read: Any = many if way == "ocr_many" else many_async
        outcomes = read(four, until_all_are_taken(), max_tokens=5)
    assert [str(one) for one in outcomes] == [expected] * 4


def test_what_cannot_be_kept_is_an_outcome(four: ppocrvl.Engine, encoded: bytes) -> None:
    file = io.StringIO("text")
    items: list[Any] = [file, 5, encoded]
    for read in WAYS:
        outcomes = read(four, items, max_tokens=1)
        kinds = [type(one).__name__ for one in outcomes]
        assert kinds == ["ImageError", "ImageError", "Result"]


def test_an_iterable_that_fails_ends_all(four: ppocrvl.Engine, picture: Picture) -> None:
    def source() -> Iterator[Any]:
        yield ppocrvl.Request(picture, max_tokens=LONG, stop_loops=False)
        raise ZeroDivisionError

    for read in (many, many_async):
        with pytest.raises(ZeroDivisionError):
            read(four, source())
    assert four.ocr(picture, max_tokens=1).finish_reason == "length"


def test_a_picture_that_is_missing_does_not_end_submit(four: ppocrvl.Engine) -> None:
    with pytest.raises(ImageNotFoundError):
        four.submit("missing.png", retry=ppocrvl.Retry()).result(SECONDS)
