# SPDX-License-Identifier: Apache-2.0
"""The Chinese README says what the English one says, as far as a program can tell."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.docs.markdown import tokens

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from markdown_it.token import Token

NAMES = ("README.md", "README.zh.md")
COMMENT = re.compile(r"\s+# .*")
NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*")
HUNDRED_MILLIONS = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?) (billion|亿)")


class Section(NamedTuple):
    """What a section has in both languages."""

    level: str
    code: list[str]
    pictures: list[str]
    links: list[str]
    words_of_code: list[str]
    numbers: list[str]
    items: int
    rows: int


def sections(markdown: str) -> list[Section]:
    parts: list[list[Token]] = [[]]
    for token in tokens(markdown):
        if token.type == "heading_open":
            parts.append([])
        parts[-1].append(token)
    return [section(part) for part in parts[1:]]


def section(part: list[Token]) -> Section:
    inline = [child for one in part for child in one.children or ()]
    kinds = [one.type for one in part]
    text = "\n".join(child.content for child in inline if child.type == "text")
    return Section(
        level=part[0].tag,
        code=[COMMENT.sub("", one.content) for one in part if one.type in {"code_block", "fence"}],
        pictures=attributes(inline, "image", "src"),
        links=sorted(set(attributes(inline, "link_open", "href")) - set(NAMES)),
        words_of_code=sorted(one.content for one in inline if one.type == "code_inline"),
        numbers=sorted([*NUMBER.findall(HUNDRED_MILLIONS.sub("", text)), *large(text)]),
        items=kinds.count("list_item_open"),
        rows=kinds.count("tr_open"),
    )


def attributes(inline: Iterable[Token], kind: str, name: str) -> list[str]:
    return [str(one.attrs[name]) for one in inline if one.type == kind]


def large(text: str) -> Iterable[str]:
    """Numbers that are counted in 10^9 in English and in 10^8 in Chinese."""
    for number, unit in HUNDRED_MILLIONS.findall(text):
        yield f"{float(number) * (10 if unit == 'billion' else 1):.3g} * 10^8"


@pytest.fixture(scope="module")
def readmes(project_root: Path) -> list[str]:
    return [(project_root / name).read_text(encoding="utf-8") for name in NAMES]


def test_both_readmes_have_the_same(readmes: list[str]) -> None:
    english, chinese = map(sections, readmes)
    assert [one.level for one in chinese] == [one.level for one in english]
    for ours, theirs in zip(english, chinese, strict=True):
        assert theirs == ours
    assert sum(len(one.code) for one in english) >= 9
    assert sum(len(one.numbers) for one in english) > 20


def test_each_readme_links_to_the_other(readmes: list[str]) -> None:
    english, chinese = readmes
    assert "(README.zh.md)" in english
    assert "(README.md)" in chinese


def test_large_numbers() -> None:
    assert list(large("0.96 billion")) == list(large("9.6 亿"))
    assert list(large("0.96 billion")) != list(large("0.96 亿"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ppocrvl doctor\n", "ppocrvl doktor\n"),
        ("docs/flow.svg", "docs/flaw.svg"),
        ("4.1", "4.2"),
        ("### 在命令行中", "## 在命令行中"),
        ("| Ollama |", "| `Ollama` |"),
        ("(docs/export.md)", "(docs/server.md)"),
    ],
)
def test_a_difference_is_found(readmes: list[str], old: str, new: str) -> None:
    english, chinese = readmes
    assert old in chinese
    assert sections(chinese.replace(old, new, 1)) != sections(english)
