# SPDX-License-Identifier: Apache-2.0
"""Answers as Markdown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.markup.answers import result

from ppocrvl.markup.markdown import result_markdown


@pytest.mark.parametrize(
    ("task", "text", "expected"),
    [
        ("ocr", "One\ntwo\n\nthree\n", "One  \ntwo\n\nthree"),
        ("ocr", r"so \( a+b \) is \[ c \]", "so $a+b$ is $$c$$"),
        ("formula", r"\[ x^2 \]", "$$\nx^2\n$$"),
        (
            "table",
            "<fcel>a|b<fcel>c<nl><ecel><fcel>2<nl>",
            "| a\\|b | c |\n| --- | --- |\n|  | 2 |",
        ),
        (
            "table",
            "<fcel>a<lcel><nl><fcel>1<fcel>2<nl>",
            '<table><tr><td colspan="2">a</td></tr><tr><td>1</td><td>2</td></tr></table>',
        ),
        ("table", "no table", "no table"),
        (
            "chart",
            "Year|Sales\n2020|5|7",
            "| Year | Sales |  |\n| --- | --- | --- |\n| 2020 | 5 | 7 |",
        ),
        ("chart", "no chart", "no chart"),
        ("spotting", "Hi<|LOC_1|><|LOC_22|>", "Hi"),
    ],
)
def test_markdown(task: str, text: str, expected: str) -> None:
    assert result_markdown(result(text, task)) == expected


@given(st.text(alphabet="ab|\n <fcelnux>\\()[]"), st.sampled_from(["table", "chart", "ocr"]))
def test_every_text_gives_something(text: str, task: str) -> None:
    """A table in pipes has as many cells in each line."""
    markdown = result_markdown(result(text, task))
    lines = markdown.split("\n")
    if len(lines) > 1 and set(lines[1]) == {"|", " ", "-"} and markdown != text.strip():
        counts = {line.replace(r"\|", "").count("|") for line in lines}
        assert len(counts) == 1
