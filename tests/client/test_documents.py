# SPDX-License-Identifier: Apache-2.0
"""Documents through a client."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.client.stub import SILENCE, Beginning
from tests.document.made import two_pages
from tests.waiting import SECONDS

import ppocrvl
from ppocrvl.client import connection
from ppocrvl.client.documents import DocumentQuestion
from ppocrvl.errors import (
    CancelledError,
    DocumentDamagedError,
    DocumentEmptyError,
    DocumentEncryptedError,
    DocumentNotFoundError,
    DocumentTooLargeError,
    OptionError,
    ServerError,
)
from ppocrvl.parsing.finish_document import finish_document
from ppocrvl.requests.options import Retry

if TYPE_CHECKING:
    from pathlib import Path

    from tests.client.stub import Answer, Stub

PDF = b"%PDF-1.7 of the server's"


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_FIRST_WAIT", 0.0)


@pytest.fixture(autouse=True)
def own(stub: Stub) -> None:
    facts = {"version": "1.6", "pixels": {"": [112_896, 1_003_520]}}
    model = {"id": "tiny", "owned_by": "ppocrvl", "ppocrvl": facts}
    stub.models = 200, {}, json.dumps({"object": "list", "data": [model]}).encode()


def lines(*values: Any) -> Answer:
    return 200, {}, b"".join(b"  " + json.dumps(one).encode() + b"\n" for one in values)


def whole() -> list[Any]:
    """What our server answers for a document."""
    pages = two_pages().to_dict()["pages"]
    return [{"name": "theirs", "n_pages": 4, "n_read": len(pages)}, *pages]


def fields(stub: Stub) -> dict[str, str]:
    """Of the last form, files left out."""
    parts = stub.forms[-1].split(b"\r\n")
    names = {
        place: part.split(b'name="')[1].split(b'"')[0].decode()
        for place, part in enumerate(parts)
        if part.startswith(b"Content-Disposition") and b"filename" not in part
    }
    return {name: parts[place + 2].decode() for place, name in names.items()}


def test_a_document(stub: Stub, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(PDF)
    stub.answers = [lines(*whole())]
    with ppocrvl.Client(stub.url) as client:
        document = client.parse(path, pages="1,2", dpi=100)
    finished = finish_document(two_pages().pages)
    assert document.to_dict() == ppocrvl.Document.of(str(path), 4, finished).to_dict()
    (form,) = stub.forms
    assert PDF in form
    assert b'name="file"; filename="a.pdf"' in form
    assert str(tmp_path).encode() not in form
    assert fields(stub) == {"pictures": "true", "pages": "1,2", "dpi": "100"}


def test_pages_as_they_come(stub: Stub) -> None:
    beginning = lines(*whole()[:2])
    stub.answers = [(200, {}, Beginning(beginning[2]))]
    with ppocrvl.Client(stub.url) as client:
        pages = client.parse_pages(PDF)
        assert pages.n_pages == 0
        assert next(pages).to_dict() == two_pages().to_dict()["pages"][0]
        assert (pages.n_pages, pages.n_read) == (4, 3)
        pages.close()
        assert stub.gone.acquire(timeout=SECONDS)
        assert list(pages) == []


def test_nothing_is_sent_before_the_first_page_is_asked_for(stub: Stub) -> None:
    with ppocrvl.Client(stub.url) as client:
        client.parse_pages(PDF).close()
        client.parse_pages("/no/such/file.pdf")
        with pytest.raises(DocumentNotFoundError):
            next(client.parse_pages("/no/such/file.pdf"))
    assert stub.forms == []


def test_asyncio(stub: Stub) -> None:
    stub.answers = [lines(*whole()), lines(*whole()), SILENCE]

    async def talk() -> None:
        async with ppocrvl.AsyncClient(stub.url) as client:
            document = await client.aparse(PDF)
            pages = [page async for page in client.aparse_pages(PDF)]
            assert [page.to_dict() for page in pages] == two_pages().to_dict()["pages"]
            assert len(document.pages) == 3
            waiting = asyncio.create_task(client.aparse(PDF))
            await asyncio.to_thread(stub.silent.acquire, timeout=SECONDS)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert await asyncio.to_thread(stub.gone.acquire, timeout=SECONDS)

    asyncio.run(talk())


def test_leaving_the_pages_of_asyncio_ends_the_reading(stub: Stub) -> None:
    stub.answers = [(200, {}, Beginning(lines(*whole()[:2])[2]))]

    async def talk() -> None:
        async with ppocrvl.AsyncClient(stub.url) as client:
            pages = client.aparse_pages(PDF)
            await anext(pages)
            await pages.aclose()
            assert await asyncio.to_thread(stub.gone.acquire, timeout=SECONDS)

    asyncio.run(talk())


def test_closing_the_client_ends_the_reading(stub: Stub) -> None:
    stub.answers = [SILENCE]
    client = ppocrvl.Client(stub.url)
    with ppocrvl_thread(client) as failed:
        assert stub.silent.acquire(timeout=SECONDS)
        client.close()
    assert isinstance(failed[0], CancelledError)


class ppocrvl_thread:  # noqa: N801 - reads as a function
    """Parses in a thread; gives the error that it meets."""

    def __init__(self, client: ppocrvl.Client) -> None:
        import threading

        self._client = client
        self._errors: list[BaseException] = []
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self._client.parse(PDF)
        except ppocrvl.PpocrvlError as error:
            self._errors.append(error)

    def __enter__(self) -> list[BaseException]:
        self._thread.start()
        return self._errors

    def __exit__(self, *_: object) -> None:
        self._thread.join(SECONDS)


def refusal(status: int, code: str) -> Answer:
    return status, {}, json.dumps({"error": {"code": code, "message": "said so"}}).encode()


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "invalid_document", DocumentDamagedError),
        (400, "document_encrypted", DocumentEncryptedError),
        (413, "document_too_large", DocumentTooLargeError),
        (400, "invalid_image", ppocrvl.ImageError),
        (400, "invalid_request", OptionError),
        (501, "no_layout", ServerError),
        (408, "deadline_exceeded", ServerError),
    ],
)
def test_refusals(stub: Stub, status: int, code: str, error: type[Exception]) -> None:
    with ppocrvl.Client(stub.url) as client:
        stub.answers = [refusal(status, code)] * 2
        with pytest.raises(error, match="said so"):
            client.parse(PDF)
        with pytest.raises(error, match="said so"):
            next(client.parse_pages(PDF))


@pytest.mark.parametrize(
    "answer",
    [
        lines(),
        lines(*whole()[:2]),
        lines({}),
        lines({"n_pages": "x", "n_read": 1}),
        lines(whole()[0], {"index": 0}),
        lines(whole()[0], {**whole()[1], "blocks": [7]}),
        lines(*whole(), whole()[1]),
        (200, {}, b"no JSON"),
        (200, {}, b"[]"),
        lines(*whole()[:2], {"error": {"code": "engine_error", "message": "failed"}}),
    ],
)
def test_answers_that_are_none(stub: Stub, answer: Answer) -> None:
    stub.answers = [answer] * 2
    with ppocrvl.Client(stub.url) as client:
        with pytest.raises(ServerError):
            client.parse(PDF)
        with pytest.raises(ServerError):
            list(client.parse_pages(PDF))


def test_it_is_sent_again_where_the_server_is_full(stub: Stub) -> None:
    stub.answers = [refusal(429, "queue_full"), lines(*whole())]
    with ppocrvl.Client(stub.url) as client:
        assert len(client.parse(PDF).pages) == 3
    assert len(stub.forms) == 2


def test_other_servers_read_no_documents(stub: Stub) -> None:
    stub.models = 200, {}, b'{"object": "list", "data": [{"id": "theirs"}]}'
    with (
        ppocrvl.Client(stub.url) as client,
        pytest.raises(OptionError, match="engine=client"),
    ):
        client.parse(PDF)


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({}, {}),
        ({"dpi": 144, "charts": False, "merge": True, "temperature": 0.0}, {}),
        ({"charts": True, "merge": False}, {"charts": "true", "merge": "false"}),
        ({"password": " x "}, {"password": " x "}),
        ({"text_layer": "auto", "turn": True}, {"text_layer": "auto", "turn": "true"}),
        ({"drafts": "none"}, {"drafts": "none"}),
        ({"max_tokens": 7, "utf8": "strict"}, {"max_tokens": "7", "utf8": "strict"}),
        ({"keep_location_tokens": True}, {"keep_location_tokens": "true"}),
        ({"retry": Retry()}, {"retry": "true"}),
        ({"deadline": 0.0}, {"deadline": "0.001"}),
        ({"deadline": 1e9, "page_deadline": float("inf")}, {}),
        ({"page_deadline": 2.5}, {"page_deadline": "2.5"}),
    ],
)
def test_options(options: Any, sent: dict[str, str]) -> None:
    form = DocumentQuestion(PDF, options).form()
    assert form.fields == {"pictures": "true", **sent}


@pytest.mark.parametrize(
    "options",
    [
        {"grammar": 'root ::= "a"'},
        {"priority": 1},
        {"logit_bias": {1: 1.0}},
        {"stop": "x"},
        {"retry": Retry(below=0.1)},
        {"max_tokens": 0},
        {"task": "table"},
        {"dpi": 1},
    ],
)
def test_options_that_cannot_be(options: Any) -> None:
    with pytest.raises(OptionError):
        DocumentQuestion(PDF, options)


def test_layouts() -> None:
    assert DocumentQuestion(PDF, {}, layout="none").form().fields["layout"] == "none"
    with pytest.raises(OptionError, match="a layout model of its own"):
        DocumentQuestion(PDF, {}, layout="other.gguf")


def test_sources(tmp_path: Path) -> None:
    path = tmp_path / "b.PDF"
    path.write_bytes(PDF)
    pixels = np.zeros((4, 5, 3), np.uint8)
    with path.open("rb") as file:
        question = DocumentQuestion([str(path), file, pixels, PDF], {})
        files = question.form().files
    assert question.name == f"{path} and 3 more"
    assert [name for name, _ in files] == ["b.PDF", "b.PDF", "document", "document"]
    assert [data for _, data in files[:2]] == [PDF, PDF]
    assert files[2][1].startswith(b"\x89PNG")
    with pytest.raises(DocumentEmptyError):
        DocumentQuestion(b"", {}).form()
    path.write_bytes(b"no PDF")
    with pytest.raises(DocumentDamagedError):
        DocumentQuestion(path, {}).form()
    with pytest.raises(DocumentEmptyError):
        DocumentQuestion([], {})
