# SPDX-License-Identifier: Apache-2.0
"""POST /v1/write: what was read is written without being read again."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from tests.document import made
from tests.parsing.fakes import Stripes, TrueReader
from tests.server.in_process import make_document_state, run
from tests.server.painted import tiff
from tests.server.running import error_of

from ppocrvl.document.document import Document
from ppocrvl.document.types import Picture
from ppocrvl.document.values import document_values
from ppocrvl.document.writers.formats import FORMATS

if TYPE_CHECKING:
    import httpx2

PATH = "/v1/write"


def ask(*requests: dict[str, Any], limits: Any = None) -> list[httpx2.Response]:
    """The answers of one server to these requests, one after the other."""
    answers: list[httpx2.Response] = []

    async def talk(client: httpx2.AsyncClient) -> None:
        answers.extend([await client.post(one.pop("path", PATH), **one) for one in requests])

    run(make_document_state(TrueReader(), Stripes(), **(limits or {})), talk)
    return answers


def whole(lines: str) -> dict[str, Any]:
    """The document of what came on lines, as a client puts it together."""
    head, *steps = map(json.loads, lines.splitlines())
    images = {one["found"]["index"]: one["found"]["image"] for one in steps if "found" in one}
    pages = [{**one, "image": images[one["index"]]} for one in steps if "index" in one]
    return {"version": 1, "name": head["name"], "n_pages": head["n_pages"], "pages": pages}


SENT = {"files": {"file": ("a.tiff", tiff(2, 3))}}


@pytest.mark.parametrize("to", ["json", "md", "txt", "html"])
def test_what_parse_gives_at_once(to: str) -> None:
    kinds = {"json": "application/json", "md": "text/markdown"}
    kind = kinds.get(to, "text/html" if to == "html" else "text/plain")
    fields = {"progress": "true", "page_images": "true", "pictures": "true"}
    lines, at_once = ask(
        {
            "path": "/v1/parse",
            **SENT,
            "data": fields,
            "headers": {"accept": "application/x-ndjson"},
        },
        {"path": "/v1/parse", **SENT, "headers": {"accept": kind}},
    )
    document = whole(lines.text)
    (written,) = ask({"json": document, "params": {"to": to, "finish": "true", "figures": "none"}})
    assert written.headers["content-type"].startswith(kind)
    assert "sandbox" in written.headers["content-security-policy"]
    suffix = FORMATS[to].suffix
    assert written.headers["content-disposition"] == f"attachment; filename*=UTF-8''a{suffix}"
    if to == "json":
        assert written.json() == at_once.json()
    else:
        assert written.text == at_once.text


def values(**page: Any) -> dict[str, Any]:
    """A document of everything, with an image of its first page, which may be changed."""
    pages = [replace(one, height=600, image=None) for one in made.two_pages().pages]
    out = io.BytesIO()
    Image.new("RGB", (200, 600), "white").save(out, "JPEG")
    image = Picture("page-1.jpg", out.getvalue(), 200, 600)
    first = replace(pages[0], image=image)
    given = document_values(Document.of("paper.pdf", 2, (first, *pages[1:])), with_bytes=True)
    given["pages"][0].update(page)
    return given


@pytest.mark.parametrize("to", FORMATS)
def test_every_format(to: str) -> None:
    if not FORMATS[to].is_there:
        pytest.skip(f"needs {FORMATS[to].needs}: the [dev] extra")
    (answer,) = ask({"json": values(), "params": {"to": to}})
    assert answer.status_code == 200, answer.text
    assert answer.content
    if answer.headers["content-type"] == "application/zip":
        with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
            assert packed.testzip() is None
            assert len(packed.namelist()) > 1
        assert answer.headers["content-disposition"].endswith(f"paper-{to}.zip")


def block(**changed: Any) -> dict[str, Any]:
    """A document whose first block is changed."""
    given = values()
    given["pages"][0]["blocks"][0].update(changed)
    return given


def picture(**changed: Any) -> dict[str, Any]:
    """A document whose figure is changed."""
    given = values()
    figure = next(one for one in given["pages"][0]["blocks"] if one["pictures"])
    figure["pictures"][0].update(changed)
    return given


CUT = values()["pages"][0]["image"]["data"][:400]
BAD: dict[str, tuple[Any, int, str]] = {
    "nothing": ({}, 400, "invalid_document"),
    "no object": ([], 400, "invalid_request"),
    "another version": ({**values(), "version": 2}, 400, "invalid_document"),
    "too many pages": ({**values(), "pages": values()["pages"] * 3}, 413, "document_too_large"),
    "pages twice": ({**values(), "pages": values()["pages"][:1] * 2}, 400, "invalid_document"),
    "no size": (values(width=-1), 400, "invalid_document"),
    "too many pixels": (values(width=10**9), 413, "image_too_large"),
    "another size": (values(width=199), 400, "invalid_document"),
    "a place of no end": (values(index=10**12), 400, "invalid_document"),
    "a box outside": (block(box=[0, 0, 10**9, 10]), 400, "invalid_document"),
    "a label of two lines": (block(label="a\nb"), 400, "invalid_document"),
    "a far outline": (block(polygon=[[1e300, 0]]), 400, "invalid_document"),
    "a number without end": (block(box_points=[10**400, 0, 0, 0]), 400, "invalid_document"),
    "a folder": (picture(name="../../x.jpg"), 400, "invalid_document"),
    "no picture": (picture(data="AAAA"), 400, "invalid_document"),
    "no base64": (picture(data="?"), 400, "invalid_document"),
    "a picture of another size": (picture(width=21), 400, "invalid_document"),
    "half a picture": (picture(data=CUT, width=200, height=600), 400, "invalid_document"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_document_of_ours(kind: str) -> None:
    sent, status, code = BAD[kind]
    (answer,) = ask({"json": sent, "params": {"to": "html"}}, limits={"max_pages": 3})
    assert error_of(answer, status) == code


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"json": {}, "params": {}}, 400, "invalid_request"),
        ({"json": {}, "params": {"to": "exe"}}, 400, "invalid_request"),
        ({"json": {}, "params": {"to": "md", "figures": "all"}}, 400, "invalid_request"),
        ({"content": b"{", "params": {"to": "md"}}, 415, "unsupported_media_type"),
        (
            {
                "content": b"{",
                "params": {"to": "md"},
                "headers": {"content-type": "application/json"},
            },
            400,
            "invalid_body",
        ),
    ],
)
def test_bad_requests(request_: dict[str, Any], status: int, code: str) -> None:
    assert error_of(ask(dict(request_))[0], status) == code


def test_a_format_that_has_nothing_to_say() -> None:
    given = {**values(), "pages": []}
    assert error_of(ask({"json": given, "params": {"to": "csv"}})[0], 400) == "invalid_document"


def test_names_lead_nowhere() -> None:
    given = {**values(), "name": '../..\\x\r\nSet-Cookie: a=b/q"uote\u202e.pdf'}
    (answer,) = ask({"json": given, "params": {"to": "txt"}})
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''q%22uote.txt"


def test_the_body_is_limited_as_a_document() -> None:
    (answer,) = ask({"json": values(), "params": {"to": "md"}}, limits={"max_document_bytes": 1000})
    assert error_of(answer, 413) == "document_too_large"
