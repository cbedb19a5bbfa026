# SPDX-License-Identifier: Apache-2.0
"""What tests need of a Markdown page."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from markdown_it.token import Token

SHELL = "shell"
"""Blocks without a language of their own are commands, or what they print."""


class Block(NamedTuple):
    """A block of code: its language, and what stands in it."""

    kind: str
    text: str


def tokens(markdown: str) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(markdown)


def blocks(markdown: str) -> list[Block]:
    """The blocks of code in their order."""
    return [
        Block(one.info.strip() or SHELL, one.content)
        for one in tokens(markdown)
        if one.type in {"code_block", "fence"}
    ]
