# SPDX-License-Identifier: Apache-2.0
"""POST /ocr, as LiteParse's OCR_API_SPEC.md has it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from tests.document.made import block, page, table
from tests.parsing.fakes import Stripes, TrueReader, result
from tests.server.in_process import make_document_state, run
from tests.server.painted import png, tiff

from ppocrvl.document.types import BlockLine
from ppocrvl.server.liteparse import placed_texts

if TYPE_CHECKING:
    import httpx2

    from ppocrvl.document.types import Block


def ask(**sent: Any) -> httpx2.Response:
    answers: list[httpx2.Response] = []
    reader = TrueReader(answer=lambda _: result("two\nwords"))
    state = make_document_state(reader, Stripes())

    async def talk(client: httpx2.AsyncClient) -> None:
        answers.append(await client.post("/ocr", **sent))

    run(state, talk)
    return answers[0]


def test_texts_with_places() -> None:
    answer = ask(files={"file": ("page.png", png(0, 2))}, data={"language": "en"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    chance = pytest.approx(math.exp(-0.1))
    assert answer.json()["results"] == [
        {"text": "two words", "bbox": [0, top, 40, top + 12], "confidence": chance}
        for top in (0, 12)
    ]


def test_nothing_on_a_page() -> None:
    answer = ask(files={"file": ("page.png", png(0, 0))})
    assert answer.json() == {"results": []}


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"files": {"file": b"noise"}}, 400),
        ({"files": {"file": b""}}, 400),
        ({"files": {"image": png(0, 1)}}, 400),
        ({"files": {"file": tiff(1, 1)}}, 400),
        ({"files": [("file", png(0, 1)), ("file", png(0, 1))]}, 400),
        ({"files": {"file": png(0, 1)}, "data": {"language": "x" * 65}}, 400),
        ({"json": {}}, 415),
    ],
)
def test_errors(sent: Any, status: int) -> None:
    answer = ask(**sent)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert isinstance(answer.json()["error"], str)


def line(text: str, box: tuple[int, int, int, int] | None) -> BlockLine:
    return BlockLine(text, 0.9, 0.8, box)


def places(*blocks: Block) -> list[Any]:
    return [(one.text, one.bbox, one.confidence) for one in placed_texts(page(*blocks))]


def test_lines_where_they_have_places() -> None:
    lines = (line("one", (10, 0, 90, 10)), line(" two ", (10, 12, 90, 22)))
    assert places(block(0, "text", "one\ntwo", lines=lines)) == [
        ("one", (10, 0, 90, 10), 0.9),
        ("two", (10, 12, 90, 22), 0.9),
    ]


def test_a_block_where_they_have_none() -> None:
    lines = (line("one", (10, 0, 90, 10)), line("two", None))
    assert places(block(0, "text", "one\ntwo", lines=lines)) == [
        ("one two", (10, 0, 190, 36), 0.99)
    ]


def test_tables_and_formulas_are_plain_text() -> None:
    html = "<table><tr><td>a &lt; b</td><td>c</td></tr></table>"
    found = places(table(0, html), block(1, "display_formula", "x^2", latex="x^2"))
    assert [text for text, *_ in found] == ["a < b c", "x^2"]


def test_what_has_no_text_or_no_size_is_left_out() -> None:
    lines = (line("a", (10, 0, 10, 9)), line("  ", (0, 0, 9, 9)))
    assert places(block(0, "text", "a", lines=lines), block(1, "image")) == []
    assert places(block(0, "footer", "page 7")) != []
