# SPDX-License-Identifier: Apache-2.0
"""Commands in all documents are commands that the program takes."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from tests.docs.markdown import SHELL, blocks

from ppocrvl.cli.main import build_parser

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
NEXT = {"|", "||", "&", "&&", ";"}
REDIRECTIONS = {">", ">>", "<"}

DOTS = "…"  # of an example that is left open


def program_calls(line: str) -> list[list[str]]:
    """The arguments of each call of ppocrvl in a line of the shell."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    calls: list[list[str]] = []
    inside, starts = False, True  # a call; at the begin of a command
    for word in lexer:
        if word in NEXT | REDIRECTIONS:
            inside, starts = False, word in NEXT
        elif starts:
            inside, starts = word == "ppocrvl", False
            if inside:
                calls.append([])
        elif inside:
            calls[-1].append(word)
    return calls


def shell_lines(markdown: str) -> list[str]:
    texts = [one.text for one in blocks(markdown) if one.kind in {SHELL, "sh", "console"}]
    lines = "\n".join(texts).replace("\\\n", " ").splitlines()
    return [line.removeprefix("$ ") for line in lines if "ppocrvl " in line and DOTS not in line]


def calls_of(page: Path) -> list[list[str]]:
    found = []
    for line in shell_lines(page.read_text(encoding="utf-8")):
        try:
            found += program_calls(line)
        except ValueError:  # what a program prints need not be shell
            continue
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_program_takes_them(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = build_parser()
    for arguments in calls_of(page):
        try:
            parser.parse_args(arguments)
        except SystemExit:
            pytest.fail(f"ppocrvl {shlex.join(arguments)}: {capsys.readouterr().err}")


def test_calls_are_found() -> None:
    assert program_calls("pip install . && ppocrvl parse 'a b.pdf' > x # why") == [
        ["parse", "a b.pdf"]
    ]
    assert program_calls("ppocrvl ocr - < a.png | ppocrvl doctor") == [["ocr", "-"], ["doctor"]]
    assert program_calls("pip install ppocrvl") == []
    assert sum(len(calls_of(page)) for page in PAGES) > 90
