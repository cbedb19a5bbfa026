# SPDX-License-Identifier: Apache-2.0
"""Documents from the values that they give."""

from __future__ import annotations

import contextlib
import copy
import json
import random
from dataclasses import replace
from typing import Any

import pytest
from tests.document.made import picture, two_pages

from ppocrvl.document.document import Document, Page
from ppocrvl.document.values import document_values
from ppocrvl.errors import DocumentError


def given(*, with_bytes: bool = True) -> Any:
    """Values as they come over a network."""
    made = two_pages()
    first = replace(made.pages[0], image=picture("page-1.jpg"))
    made = replace(made, pages=(first, *made.pages[1:]))
    return json.loads(json.dumps(document_values(made, with_bytes=with_bytes)))


def test_the_same_document_with_its_pictures() -> None:
    read = Document.from_dict(given())
    assert read.to_dict() == two_pages().to_dict()
    pictures = [one for block in read.blocks for one in block.pictures]
    assert pictures == [one for block in two_pages().blocks for one in block.pictures]
    assert pictures
    assert read.pages[0].image == picture("page-1.jpg")
    assert read.to_html().count("base64,") > 1
    assert read.to_markdown() == two_pages().to_markdown()


def test_pictures_without_bytes_are_empty() -> None:
    read = Document.from_dict(two_pages().to_dict())
    pictures = [one for block in read.blocks for one in block.pictures]
    assert {one.data for one in pictures} == {b""}
    assert read.to_dict() == two_pages().to_dict()


def test_a_page() -> None:
    page = two_pages().pages[1]
    assert Page.from_dict(page.to_dict()).to_dict() == page.to_dict()


BAD: tuple[Any, ...] = (None, True, -1.5, "x", [], {}, [[]], float("nan"), 10**400, {"version": 1})


def places(values: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to each value within."""
    inside: list[tuple[Any, Any]] = list(values.items()) if isinstance(values, dict) else []
    inside = list(enumerate(values)) if isinstance(values, list) else inside
    return [path, *(place for key, value in inside for place in places(value, (*path, key)))]


@pytest.mark.parametrize("seed", range(5))
def test_any_value_that_is_wrong_is_refused_or_harmless(seed: int) -> None:
    """Never another error; and what is taken can be written."""
    random_ = random.Random(seed)
    whole = given()
    everywhere = [place for place in places(whole) if place]
    for place in random_.sample(everywhere, 80):
        values = copy.deepcopy(whole)
        holder = values
        for step in place[:-1]:
            holder = holder[step]
        holder[place[-1]] = random_.choice(BAD)
        with contextlib.suppress(DocumentError):
            Document.from_dict(values).to_dict()


@pytest.mark.parametrize("missing", ["version", "name", "n_pages", "pages"])
def test_what_is_missing(missing: str) -> None:
    values = given()
    del values[missing]
    with pytest.raises(DocumentError, match=missing):
        Document.from_dict(values)


@pytest.mark.parametrize("bad", [None, [], "x", {"version": 2}])
def test_no_document(bad: Any) -> None:
    with pytest.raises(DocumentError, match="no document"):
        Document.from_dict(bad)
