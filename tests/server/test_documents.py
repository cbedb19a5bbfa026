# SPDX-License-Identifier: Apache-2.0
"""POST /v1/parse: the application in front of a layout and a reader that do as they are told."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.parsing.fakes import HeldReader, Stripes, TrueReader, true_text
from tests.parsing.sources.pdf_writer import encrypted, pdf, text
from tests.server.in_process import check_nothing_is_held, make_document_state, run
from tests.server.painted import png, tiff
from tests.server.running import error_of
from tests.waiting import SECONDS

import ppocrvl
from ppocrvl.errors import EngineError
from ppocrvl.server import document_lines
from ppocrvl.server.app import build_app
from ppocrvl.server.auth import Keys
from ppocrvl.server.document_intake import document_name
from ppocrvl.server.document_service import DocumentService
from ppocrvl.server.gate import Access

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx2
    import numpy as np
    import numpy.typing as npt

    from ppocrvl.layout.region import Region
    from ppocrvl.server.document_service import DocumentJob, DocumentReading
    from ppocrvl.server.state import State

TWO = tiff(2, 3)
PATH = "/v1/parse"


def post(
    reader: TrueReader,
    check: Callable[[httpx2.Response], object],
    *,
    limits: Any = None,
    **sent: Any,
) -> State:
    """Sends a document to a server with this reader, and checks the answer."""
    state = make_document_state(reader, Stripes(), **(limits or {}))

    async def talk(client: httpx2.AsyncClient) -> None:
        check(await client.post(sent.pop("path", PATH), **sent))

    run(state, talk)
    return state


def form(data: bytes, name: str = "a.tiff", **fields: str) -> dict[str, Any]:
    return {"files": {"file": (name, data)}, "data": fields}


def answer_to(**sent: Any) -> httpx2.Response:
    answers: list[httpx2.Response] = []
    post(TrueReader(), answers.append, **sent)
    return answers[0]


def texts(values: Any) -> list[list[str]]:
    return [[block["text"] for block in page["blocks"]] for page in values["pages"]]


WAYS: dict[str, Any] = {
    "form": form(TWO),
    "body": {
        "content": TWO,
        "headers": {"content-type": "image/tiff"},
        "params": {"name": "a.tiff"},
    },
    "octets": {"content": TWO, "params": {"name": "/home/me/a.tiff"}},
}


@pytest.mark.parametrize("way", WAYS)
def test_the_document_that_parse_gives(way: str) -> None:
    given = ppocrvl.parse(TWO, layout=Stripes(), engine=TrueReader()).to_dict()
    answer = answer_to(**WAYS[way])
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {**given, "name": "a.tiff"}


def test_several_files_are_one_document() -> None:
    files = [("file", (f"{page}.png", png(page, 1))) for page in range(3)]
    values = answer_to(files=files).json()
    assert values["name"] == "0.png and 2 more"
    assert texts(values) == [[true_text(page, 0)] for page in range(3)]


def test_options_of_the_form_and_of_the_query() -> None:
    reader = TrueReader()
    fields = {"pages": "2", "max_tokens": "77", "retry": "true", "utf8": "strict"}
    post(
        reader,
        lambda answer: check_pages(answer, ["page 1 block 0", "page 1 block 1", "page 1 block 2"]),
        **form(TWO, **fields),
        params={"pages": "1", "temperature": "0.5"},
    )
    (one, *_) = reader.requests
    assert (one.max_tokens, one.temperature, one.utf8) == (77, 0.5, "strict")
    assert one.retry is not None
    assert one.deadline is not None
    assert one.deadline <= 300


def test_drafts_are_for_readers_that_take_them() -> None:
    for takes, fields, draft in (
        (True, {}, "auto"),
        (True, {"drafts": "none"}, None),
        (False, {}, None),
    ):
        reader: Any = TrueReader()
        reader.takes_drafts = takes
        post(reader, lambda answer: answer.raise_for_status(), **form(TWO, **fields))
        assert {request.draft for request in reader.requests} == {draft}
    assert error_of(answer_to(**form(TWO, drafts="x")), 400) == "invalid_request"


def check_pages(answer: httpx2.Response, *pages: list[str]) -> None:
    assert texts(answer.json()) == list(pages)


def test_limits_hold_for_options() -> None:
    reader = TrueReader()
    limits = {"max_tokens": 5, "deadline_seconds": 9.0}
    sent = form(TWO, max_tokens="50", deadline="1000")
    post(reader, lambda answer: answer.raise_for_status(), limits=limits, **sent)
    assert reader.requests[0].max_tokens == 5
    assert reader.requests[0].deadline == 9.0


def test_without_layout_a_page_is_one_block() -> None:
    values = answer_to(**form(tiff(3), layout="none")).json()
    assert [block["label"] for block in values["pages"][0]["blocks"]] == ["text"]


@pytest.mark.parametrize(
    ("accept", "begin"),
    [("text/markdown", "page 0"), ("text/plain", "page 0"), ("text/html", "<!doctype html>")],
)
def test_formats(accept: str, begin: str) -> None:
    figures = form(TWO, layout="none")
    answer = answer_to(**figures, headers={"accept": accept})
    assert answer.headers["content-type"].startswith(accept)
    assert answer.text.lower().startswith(begin)
    if accept == "text/html":
        assert "sandbox" in answer.headers["content-security-policy"]
        assert answer.text.count("data:image/jpeg;base64,") == 2  # the pages


def test_markdown_in_the_official_style() -> None:
    answer = answer_to(**form(TWO, style="official"), headers={"accept": "text/markdown"})
    assert answer.text == ""  # headers are left out there


@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson"])
def test_bytes_of_pictures(kind: str) -> None:
    sent = form(tiff(1), page_images="true")
    answer = answer_to(**sent, headers={"accept": kind})
    page = json.loads(answer.text.splitlines()[-1])
    page = page["pages"][0] if kind == "application/json" else page
    assert base64.b64decode(page["image"]["data"]).startswith(b"\xff\xd8")
    assert "image" not in answer_to(**form(tiff(1))).json()["pages"][0]


def test_pages_on_lines() -> None:
    answer = answer_to(**form(TWO, pages="1-2"), headers={"accept": "application/x-ndjson"})
    head, *pages = map(json.loads, answer.text.splitlines())
    assert head == {"name": "a.tiff", "n_pages": 2, "n_read": 2}
    assert pages == answer_to(**form(TWO)).json()["pages"]


def test_progress_on_lines() -> None:
    """Regions with the page's image, then blocks with their HTML, then the page."""
    reader = HeldReader()
    state = make_document_state(reader, Stripes())
    fields = {"progress": "true", "html": "true", "page_images": "true"}
    sent = {**form(tiff(2), **fields), "headers": {"accept": "application/x-ndjson"}}
    given: list[Any] = []

    async def talk(client: httpx2.AsyncClient) -> None:
        asking = asyncio.create_task(client.post(PATH, **sent))
        await asyncio.to_thread(reader.wait_for, 2)
        reader.give(true_text(0, 1))
        reader.give(true_text(0, 0))
        given.extend(map(json.loads, (await asking).text.splitlines()))

    run(state, talk)
    head, found, second, first, page = given
    assert head["n_pages"] == 1
    image = found["found"]["image"]
    assert base64.b64decode(image["data"]).startswith(b"\xff\xd8")
    assert [block["text"] for block in found["found"]["blocks"]] == ["", ""]
    assert second["read"]["blocks"][0]["text"] == true_text(0, 1)
    assert (second["read"]["index"], first["read"]["index"]) == (0, 0)
    assert first["read"]["html"].startswith('<div data-block="0"><p>')
    assert "image" not in page
    assert page["html"].count("data-block") == 2
    assert [block["text"] for block in page["blocks"]] == [true_text(0, 0), true_text(0, 1)]


def test_progress_tells_nothing_of_what_fails_inside() -> None:
    def answer(pixels: npt.NDArray[np.uint8]) -> Any:
        del pixels
        return EngineError("/secret/path is broken")

    answers: list[httpx2.Response] = []
    sent = {**form(tiff(1), progress="true"), "headers": {"accept": "application/x-ndjson"}}
    post(TrueReader(answer=answer), answers.append, **sent)
    assert "secret" not in answers[0].text
    assert "the engine failed" in answers[0].text


BAD: dict[str, tuple[dict[str, Any], int, str]] = {
    "no file": ({"data": {"pages": "1"}, "files": {}}, 415, "unsupported_media_type"),
    "nothing": ({"content": b""}, 400, "document_required"),
    "empty form": (
        {"content": b"--x--", "headers": {"content-type": "multipart/form-data; boundary=x"}},
        400,
        "document_required",
    ),
    "json": ({"json": {"file": "AAAA"}}, 415, "unsupported_media_type"),
    "text": (
        {"content": b"x", "headers": {"content-type": "text/plain"}},
        415,
        "unsupported_media_type",
    ),
    "empty file": (form(b""), 400, "invalid_document"),
    "noise": (form(b"noise"), 400, "invalid_image"),
    "html": (form(b"<html>", "a.html"), 400, "invalid_image"),
    "no pdf": (form(b"noise", "a.pdf"), 400, "invalid_document"),
    "broken pdf": (form(b"%PDF-1.7 noise"), 400, "invalid_document"),
    "encrypted": (form(encrypted()), 400, "document_encrypted"),
    "other field": ({"files": {"image": b"x"}}, 400, "invalid_request"),
    "no such page": (form(TWO, pages="9"), 400, "invalid_document"),
    "no range": (form(TWO, pages="x"), 400, "invalid_request"),
    "dpi": (form(TWO, dpi="1"), 400, "invalid_request"),
    "dpi of no number": (form(TWO, dpi="nan"), 400, "invalid_request"),
    "switch": (form(TWO, charts="maybe"), 400, "invalid_request"),
    "layout": (form(TWO, layout="/etc/passwd"), 400, "invalid_request"),
    "accept": ({**form(TWO), "headers": {"accept": "image/png"}}, 406, "not_acceptable"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_requests(kind: str) -> None:
    sent, status, code = BAD[kind]
    assert error_of(answer_to(**sent), status) == code


@pytest.mark.parametrize(
    ("limits", "sent", "status", "code"),
    [
        ({"max_pages": 2}, form(tiff(1, 1, 1)), 413, "document_too_large"),
        ({"max_pages": 2}, form(tiff(1, 1, 1), pages="1,3"), 200, ""),
        ({"max_document_bytes": 100}, form(TWO), 413, "document_too_large"),
        ({"max_upload_bytes": 100}, form(TWO), 503, "server_busy"),
        ({"max_pages": 2, "max_waiting_pages": 2}, form(tiff(1, 1)), 200, ""),
    ],
)
def test_limits(limits: Any, sent: Any, status: int, code: str) -> None:
    answer = answer_to(limits=limits, **sent)
    if status == 200:
        assert answer.is_success, answer.text
    else:
        assert error_of(answer, status) == code


def test_pictures_over_the_limit_on_pixels_are_marked() -> None:
    pages = answer_to(limits={"max_image_pixels": 1000}, **form(tiff(1, 9))).json()["pages"]
    assert pages[0]["error"] is None
    assert "over the limit of 1,000" in pages[1]["error"]


def test_pages_of_a_pdf_are_rendered_within_the_limit_on_pixels() -> None:
    sent = form(pdf(text("x")), layout="none", dpi="1200")
    (page,) = answer_to(limits={"max_image_pixels": 10_000}, **sent).json()["pages"]
    assert 9_000 < page["width"] * page["height"] <= 10_000
    assert "instead of 1200" in page["notes"][0]


def test_pictures_that_are_kept_count() -> None:
    """With an image of each page a document is more than its file."""
    pages = tiff(*[40] * 8)
    sent = {**form(pages), "headers": {"accept": "text/html"}}
    limits = {"max_upload_bytes": len(pages) + 2000}
    assert error_of(answer_to(limits=limits, **sent), 503) == "server_busy"
    assert answer_to(limits=limits, **form(pages)).is_success


def test_a_server_without_a_layout_model() -> None:
    state = make_document_state(TrueReader(), Stripes())
    kept, state.documents = state.documents, None

    async def talk(client: httpx2.AsyncClient) -> None:
        assert error_of(await client.post(PATH, **form(TWO)), 501) == "no_layout"

    run(state, talk)
    assert kept is not None
    kept.close()


def test_pages_are_counted_from_the_arrival_to_their_end() -> None:
    reader = HeldReader()
    state = make_document_state(reader, Stripes(), max_pages=3, max_waiting_pages=4)

    async def talk(client: httpx2.AsyncClient) -> None:
        first = asyncio.create_task(client.post(PATH, **form(tiff(1, 1, 1))))
        await asyncio.to_thread(reader.wait_for, 3)
        health = (await client.get("/health")).json()
        assert (health["status"], health["pages"], health["pages_limit"]) == ("ok", 3, 4)
        refused = await client.post(PATH, **form(tiff(1, 1)))
        assert error_of(refused, 429) == "queue_full"
        assert int(refused.headers["retry-after"]) >= 1
        assert state.pages.inside == 3
        second = asyncio.create_task(client.post(PATH, **form(tiff(1))))
        await asyncio.to_thread(reader.wait_for, 4)
        assert error_of(await client.post(PATH, **form(tiff(1))), 429) == "queue_full"
        reader.give()
        assert (await first).is_success
        assert (await second).is_success

    run(state, talk)


def test_documents_take_turns() -> None:
    """The second one is opened when the first has ended, and the server answers meanwhile."""
    reader = HeldReader()
    state = make_document_state(reader, Stripes(), max_documents=1)

    async def talk(client: httpx2.AsyncClient) -> None:
        first = asyncio.create_task(client.post(PATH, **form(tiff(1))))
        await asyncio.to_thread(reader.wait_for, 1)
        second = asyncio.create_task(client.post(PATH, **form(tiff(2))))
        while (await client.get("/health")).json()["pages"] < 2:
            await asyncio.sleep(0)
        assert len(reader.requests) == 1
        reader.give()
        assert (await first).is_success
        await asyncio.to_thread(reader.wait_for, 3)
        reader.give()
        assert (await second).is_success

    run(state, talk)


def test_two_hundred_at_once() -> None:
    state = make_document_state(TrueReader(), Stripes(), max_documents=3)

    async def talk(client: httpx2.AsyncClient) -> None:
        answers = await asyncio.gather(
            *(client.post(PATH, **form(png(number, 1))) for number in range(200))
        )
        read = [texts(answer.json()) for answer in answers]
        assert read == [[[true_text(number, 0)]] for number in range(200)]

    run(state, talk)


def test_more_than_may_wait() -> None:
    """Of those that come at once, as many are read as there is room for; the others are told."""
    reader = HeldReader()
    state = make_document_state(reader, Stripes(), max_pages=5, max_waiting_pages=5)

    async def talk(client: httpx2.AsyncClient) -> None:
        waiting = [asyncio.create_task(client.post(PATH, **form(png(n, 1)))) for n in range(20)]
        for done in asyncio.as_completed(waiting):
            assert error_of(await done, 429) == "queue_full"
            if sum(task.done() for task in waiting) == 15:
                break
        giving = asyncio.create_task(asyncio.to_thread(give_all, reader, 5))
        answers = await asyncio.gather(*waiting)
        await giving
        assert sorted(answer.status_code for answer in answers) == [200] * 5 + [429] * 15

    run(state, talk)


def give_all(reader: HeldReader, count: int) -> None:
    for number in range(1, count + 1):
        reader.wait_for(number)
        reader.give()


def test_deadline() -> None:
    reader = HeldReader()
    sent = form(tiff(1))

    def check(answer: httpx2.Response) -> None:
        assert error_of(answer, 408) == "deadline_exceeded"

    post(reader, check, limits={"document_seconds": 0.3}, **sent)
    assert all(future.cancelled() for _, future in reader.held)


class Talk:
    """A request whose every step a test decides on.

    Args:
        state: of the server.
        data: the document.
        accept: media type.
    """

    def __init__(self, state: State, data: bytes, accept: str = "application/x-ndjson") -> None:
        self._app = build_app(state, Access(Keys([])))
        self._bodies = [data]
        self._state = state
        self.scope: dict[str, Any] = {
            "type": "http",
            "method": "POST",
            "path": PATH,
            "query_string": b"",
            "headers": [(b"accept", accept.encode())],
            "state": {"ppocrvl.abort": self._abort},
        }
        self.leave = asyncio.Event()
        self.sent: asyncio.Queue[bytes] = asyncio.Queue()
        self.reads = asyncio.Semaphore(1000)
        """Of so many parts more."""
        self.aborted = False

    async def receive(self) -> dict[str, Any]:
        if self._bodies:
            return {"type": "http.request", "body": self._bodies.pop()}
        await self.leave.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.body" and message["body"]:
            self.sent.put_nowait(message["body"])
            await self.reads.acquire()

    async def run(self) -> None:
        async with asyncio.timeout(SECONDS):
            await self._app(self.scope, self.receive, self.send)

    def _abort(self) -> None:
        self.aborted = True


def talk_to(state: State, steps: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(_limited(steps))
    check_nothing_is_held(state)
    assert state.uploads.held == 0
    assert state.pages.inside == 0


async def _limited(steps: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.timeout(SECONDS):
        await steps()


def test_a_page_is_sent_before_the_next_is_read() -> None:
    reader = HeldReader()
    state = make_document_state(reader, Stripes())

    async def steps() -> None:
        talk = Talk(state, TWO)
        running = asyncio.create_task(talk.run())
        assert json.loads(await talk.sent.get())["n_pages"] == 2
        await asyncio.to_thread(reader.wait_for, 5)
        reader.give("page 0 block 1")
        reader.give("page 0 block 0")
        assert json.loads(await talk.sent.get())["index"] == 0
        assert len(reader.held) == 3
        assert state.pages.inside == 1
        reader.give()
        assert json.loads(await talk.sent.get())["index"] == 1
        await running

    talk_to(state, steps)


@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson"])
def test_a_client_that_goes_away(accept: str) -> None:
    reader = HeldReader()
    state = make_document_state(reader, Stripes(), max_documents=1)

    async def steps() -> None:
        talk = Talk(state, TWO, accept)
        running = asyncio.create_task(talk.run())
        await asyncio.to_thread(reader.wait_for, 5)
        talk.leave.set()
        await running
        assert talk.aborted
        assert all(future.cancelled() for _, future in reader.held)

    talk_to(state, steps)


def test_a_client_that_goes_away_while_it_waits() -> None:
    reader = HeldReader()
    state = make_document_state(reader, Stripes(), max_documents=1)

    async def steps() -> None:
        first, second = Talk(state, tiff(1)), Talk(state, tiff(1))
        running = asyncio.create_task(first.run())
        await asyncio.to_thread(reader.wait_for, 1)
        waiting = asyncio.create_task(second.run())
        while state.pages.inside < 2:
            await asyncio.sleep(0)
        second.leave.set()
        await waiting
        assert state.pages.inside == 1
        reader.give()
        await running

    talk_to(state, steps)
    assert len(reader.requests) == 1


def test_a_page_that_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Something comes meanwhile, so that no proxy gives up."""
    monkeypatch.setattr(document_lines, "PING_SECONDS", 0.01)
    reader = HeldReader()
    state = make_document_state(reader, Stripes())

    async def steps() -> None:
        talk = Talk(state, tiff(1))
        running = asyncio.create_task(talk.run())
        parts = [await talk.sent.get() for _ in range(3)]
        assert parts[1:] == [b" ", b" "]
        await asyncio.to_thread(reader.wait_for, 1)
        reader.give()
        while parts[-1] == b" ":
            parts.append(await talk.sent.get())
        assert json.loads(b"".join(parts[1:]))["index"] == 0
        await running

    talk_to(state, steps)


class CountedStripes(Stripes):
    """Tells of each page that is looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.looked = threading.Semaphore(0)

    def detect(self, image: npt.NDArray[np.uint8]) -> list[Region]:
        self.looked.release()
        return super().detect(image)


def test_a_client_that_stops_reading_holds_its_document_up() -> None:
    layout = CountedStripes()
    state = make_document_state(TrueReader(), layout)

    async def steps() -> None:
        talk = Talk(state, tiff(*[1] * 60))
        talk.reads = asyncio.Semaphore(0)
        running = asyncio.create_task(talk.run())
        for _ in range(16):
            assert await asyncio.to_thread(layout.looked.acquire, timeout=SECONDS)
        talk.leave.set()
        await running
        assert talk.sent.qsize() == 1

    talk_to(state, steps)
    assert layout.n_calls == 16


def test_a_client_that_stops_reading_is_let_go() -> None:
    state = make_document_state(TrueReader(), Stripes(), send_seconds=0.1)

    async def steps() -> None:
        talk = Talk(state, TWO)
        talk.reads = asyncio.Semaphore(0)
        await talk.run()
        assert talk.aborted

    talk_to(state, steps)


def test_deadline_on_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read by then is there."""
    begun: list[DocumentReading] = []
    begin = DocumentService.begin

    def noted(self: DocumentService, job: DocumentJob) -> DocumentReading:
        begun.append(begin(self, job))
        return begun[-1]

    monkeypatch.setattr(DocumentService, "begin", noted)
    state = make_document_state(TrueReader(), Stripes())

    async def steps() -> None:
        talk = Talk(state, TWO)
        talk.reads = asyncio.Semaphore(0)
        running = asyncio.create_task(talk.run())
        assert json.loads(await talk.sent.get())["n_read"] == 2
        talk.reads.release()
        assert json.loads(await talk.sent.get())["index"] == 0
        begun[0]._until = 0.0
        talk.reads.release()
        error = json.loads(await talk.sent.get())["error"]
        assert error["code"] == "deadline_exceeded"
        talk.reads.release()
        await running

    talk_to(state, steps)
    assert b'ppocrvl_errors_total{code="deadline_exceeded"} 1.0' in state.metrics.text()


def test_a_failing_engine_shows_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: object) -> EngineError:
        return EngineError("secret of /home/somebody")

    caplog.set_level(logging.INFO, "ppocrvl.server")

    def check(answer: httpx2.Response) -> None:
        assert answer.is_success
        errors = {block["error"] for block in answer.json()["pages"][0]["blocks"]}
        assert errors == {"the engine failed; the log has the details"}

    state = post(TrueReader(answer=fail), check, **form(tiff(2)))
    assert "secret of /home/somebody" in caplog.text
    assert b'ppocrvl_pages_total{outcome="failed"} 1.0' in state.metrics.text()


def test_metrics_and_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ppocrvl.server")
    state = post(TrueReader(), lambda answer: answer.raise_for_status(), **form(TWO))
    lines = state.metrics.text().decode().splitlines()
    for line in (
        'ppocrvl_requests_total{route="/v1/parse",status="200"} 1.0',
        'ppocrvl_pages_total{outcome="read"} 2.0',
        'ppocrvl_regions_total{label="header"} 5.0',
        'ppocrvl_pictures_total{finish_reason="stop",task="ocr"} 5.0',
        'ppocrvl_stage_seconds_count{stage="open"} 1.0',
        'ppocrvl_stage_seconds_count{stage="render"} 2.0',
        'ppocrvl_stage_seconds_count{stage="layout"} 2.0',
        'ppocrvl_stage_seconds_count{stage="decode"} 5.0',
        "ppocrvl_pages_inside 0.0",
        "ppocrvl_pages_limit 2000.0",
    ):
        assert line in lines
    (said,) = [one.values for one in caplog.records if one.getMessage() == "request"]  # type: ignore[attr-defined]
    document = said["document"]
    assert (document["bytes"], document["pages"], document["failed"]) == (len(TWO), 2, 0)
    assert document["regions"] == {"header": 5}
    assert set(document["seconds"]) >= {"open", "render", "layout", "decode"}
    assert "page 0" not in json.dumps(said)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("a.pdf", "a.pdf"),
        ("/etc/passwd", "passwd"),
        ("../../a.pdf", "a.pdf"),
        ("C:\\Users\\me\\a.pdf", "a.pdf"),
        ("a\x00b\x1b[31m\r\n.pdf", "ab[31m.pdf"),
        ("\u202eevil\u2028.pdf", "evil.pdf"),
        ("a b\u00a0c.pdf", "a b\u00a0c.pdf"),
        ("\ud800.pdf", ".pdf"),
        ("x" * 9999, "x" * 255),
        ("", "document"),
        ("///", "document"),
        ("..", ".."),
    ],
)
def test_names_of_files(given: str, name: str) -> None:
    assert document_name(given) == name


@pytest.mark.parametrize("name", ["../../etc/passwd", "<img src=x onerror=alert(1)>"])
def test_hostile_names_stay_texts(name: str) -> None:
    values = answer_to(**form(TWO, name)).json()
    assert values["name"] == document_name(name)
    html = answer_to(**form(TWO, name), headers={"accept": "text/html"}).text
    assert "<img src=x" not in html
