# SPDX-License-Identifier: Apache-2.0
"""Which format a client wants."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppocrvl.server.accept import accepted
from ppocrvl.server.codes import ApiError

OFFERED = ("application/json", "text/markdown", "text/html")


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/html", "text/html"),
        ("TEXT/HTML; charset=utf-8", "text/html"),
        ("text/*", "text/markdown"),
        ("text/html;q=0.5, text/markdown;q=0.9", "text/markdown"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("application/json;q=0, */*", "text/markdown"),
        ("text/*;q=0.9, text/markdown;q=0.1", "text/html"),
        ("text/html;q=2", "text/html"),
        ("image/png, text/markdown;q=0.001", "text/markdown"),
        (", ,", "application/json"),
    ],
)
def test_the_best_that_is_offered(header: str, wanted: str) -> None:
    assert accepted(header, OFFERED) == wanted


@pytest.mark.parametrize("header", ["image/png", "*/*;q=0", "text/html;q=x", "application/pdf, x"])
def test_nothing_that_is_offered(header: str) -> None:
    with pytest.raises(ApiError, match="text/markdown") as refused:
        accepted(header, OFFERED)
    assert refused.value.status == 406


@given(st.text(st.sampled_from("abt/*;=q,.01 jsonexhm\t-"), max_size=60))
def test_any_header(header: str) -> None:
    """It gives one that is offered, or refuses."""
    with contextlib.suppress(ApiError):
        assert accepted(header, OFFERED) in OFFERED
