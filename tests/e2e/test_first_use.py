# SPDX-License-Identifier: Apache-2.0
"""What a new user does first: read a sample with the installed program and the built-in model."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import ppocrvl
from ppocrvl.evaluation.metrics import character_errors

PACKAGED = ("tiny-en-BF16.gguf", "mmproj-tiny-en-BF16.gguf")
PAPER_ERRORS = 0.1  # of the characters of samples/paper.md
PACKAGED_LAYOUT = "tiny-layout-F16.gguf"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ppocrvl", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


def truth(samples: Path, name: str) -> str:
    """The text that the sample picture was drawn from."""
    return (samples / f"{name}.txt").read_text(encoding="utf-8").rstrip("\n")


@pytest.mark.parametrize(("name", "task"), [("hello", "ocr"), ("table", "table")])
def test_command_line_prints_what_stands_in_the_picture(
    samples: Path, name: str, task: str
) -> None:
    done = run("ocr", samples / f"{name}.png", "--task", task)
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip("\n") == truth(samples, name)
    assert "built-in" in done.stderr
    assert "--model" in done.stderr


def test_python_call_gives_the_same(samples: Path) -> None:
    result = ppocrvl.ocr(samples / "hello.png")
    assert str(result) == result.text == truth(samples, "hello")
    assert result.finish_reason == "stop"
    assert 0.5 < result.confidence <= 1.0


def test_stream_pieces_join_to_the_text(samples: Path) -> None:
    pieces = list(ppocrvl.stream(samples / "hello.png"))
    assert len(pieces) > 5
    assert "".join(pieces) == truth(samples, "hello")


def test_json_says_how_it_ended_and_how_long_it_took(samples: Path) -> None:
    done = run("ocr", samples / "hello.png", "--json", "--max-tokens", "3")
    answer = json.loads(done.stdout)
    assert answer["finish_reason"] == "length"
    assert answer["timings"]["generated_tokens"] == 3
    assert {"load", "preprocess", "encode", "prefill", "decode"} <= answer["timings"].keys()


def words(markdown: str) -> str:
    """The words of Markdown with single spaces: no figures, comments, marks of tables and lists."""
    text = re.sub(r"!\[.*?\]\(.*?\)|<!--.*?-->|\$\$.*?\$\$", "", markdown, flags=re.DOTALL)
    return " ".join(re.sub(r"^(#+|-|\*) |\|( ---)?|\\", "", text, flags=re.MULTILINE).split())


def test_a_paper_becomes_markdown(samples: Path) -> None:
    done = run("parse", samples / "paper.pdf")
    assert done.returncode == 0, done.stderr
    assert "built-in" in done.stderr
    truth = (samples / "paper.md").read_text(encoding="utf-8")
    assert words(truth).startswith("Reading Pages on Small Machines The ppocrvl project 1 Intro")
    errors = character_errors(words(done.stdout), words(truth))
    assert errors <= PAPER_ERRORS * len(words(truth))
    numbers = ["1", "2", "3", "4", "5"]
    assert re.findall(r"^## (\d) ", done.stdout, re.MULTILINE) == numbers
    assert "| Paper | 25 | 475 |" in done.stdout


def test_no_torch_is_imported(samples: Path) -> None:
    code = (
        "import sys, ppocrvl; ppocrvl.parse(sys.argv[1]);"
        "sys.exit(bool({'torch', 'transformers', 'paddle'} & sys.modules.keys()))"
    )
    command = [sys.executable, "-c", code, str(samples / "paper.pdf")]
    done = subprocess.run(command, capture_output=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr


def test_packaged_files_are_the_committed_checkpoint_exported(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    made = ppocrvl.export(tiny_checkpoint, tmp_path)
    packaged = Path(ppocrvl.__file__).parent / "models" / "builtin"
    assert {made.llm.name, made.mmproj.name} == set(PACKAGED)
    layout = ppocrvl.export_layout(
        tiny_checkpoint.parent / "tiny-layout", tmp_path, layout_type="f16"
    )
    assert layout.name == PACKAGED_LAYOUT
    for path in (made.llm, made.mmproj, layout):
        assert path.read_bytes() == (packaged / path.name).read_bytes()
