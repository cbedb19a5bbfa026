# SPDX-License-Identifier: Apache-2.0
"""The built-in model reads a small set; figures add up, and a bad picture stops nothing."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

import ppocrvl
from ppocrvl.cli.main import run_command
from ppocrvl.errors import ExitCode
from ppocrvl.evaluate import Item, evaluate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def engine() -> Iterator[ppocrvl.Engine]:
    with ppocrvl.Engine() as engine:
        yield engine


@pytest.fixture
def truths(samples: Path) -> dict[str, str]:
    return {
        name: (samples / f"{name}.txt").read_text(encoding="utf-8").rstrip("\n")
        for name in ("hello", "table")
    }


def test_figures(
    engine: ppocrvl.Engine, samples: Path, truths: dict[str, str], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    wrong = truths["hello"].replace("world", "word")
    items = [
        Item(samples / "hello.png", truths["hello"], tags={"kind": "b"}),
        Item(broken, "lost", tags={"kind": "a"}),
        Item(samples / "hello.png", wrong, tags={"kind": "a"}),
        Item(samples / "table.png", truths["table"], "table"),
    ]
    calls: list[tuple[int, int]] = []
    found = evaluate(engine, items, progress=lambda *call: calls.append(call))
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [reading.item for reading in found.readings] == items
    assert [reading.is_exact for reading in found.readings] == [True, False, False, True]
    assert found.readings[1].finish_reason == "error"
    assert "broken.png" in found.readings[1].error
    text = found.tasks["ocr"]
    assert (text.n, text.n_failed, text.n_unended) == (3, 1, 0)
    assert text.cer == pytest.approx(1 / (len(truths["hello"]) + len(wrong)))
    assert text.exact == 0.5
    assert text.cells is None
    table = found.tasks["table"]
    assert (table.cells, table.teds, table.exact) == (1, 1, 1)
    assert list(found.tags) == ["kind"]
    assert found.tags["kind"]["b"]["ocr"].exact == 1
    assert found.tags["kind"]["a"]["ocr"].n == 2


def test_an_answer_without_end_is_counted_apart(
    engine: ppocrvl.Engine, samples: Path, truths: dict[str, str]
) -> None:
    items = [Item(samples / "hello.png", truths["hello"])]
    summary = evaluate(engine, items, max_tokens=5).tasks["ocr"]
    assert (summary.n, summary.n_unended, summary.cer, summary.exact) == (1, 1, None, 0)


def test_command(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], truths: dict[str, str]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for name, suffix in (("hello", ".txt"), ("table", ".otsl")):
        shutil.copy(samples / f"{name}.png", data)
        (data / f"{name}{suffix}").write_text(truths[name], encoding="utf-8")
    (data / "broken.png").write_bytes(b"")
    (data / "broken.txt").write_text("lost", encoding="utf-8")
    model = str(ppocrvl.Engine().paths.llm.parent)
    report = tmp_path / "report.json"
    assert run_command(["eval", model, str(data), "--report", str(report)]) == ExitCode.OK
    out, err = capsys.readouterr()
    assert "0.00%" in out
    assert "broken.png" in err
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["tasks"]["ocr"]["n_failed"] == 1
    assert [reading["text"] for reading in found["readings"]] == [
        "",
        truths["hello"],
        truths["table"],
    ]


def test_command_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(ppocrvl.Engine().paths.llm.parent)
    assert run_command(["eval", model, str(tmp_path)]) == ExitCode.DATASET
    assert "no picture with a text" in capsys.readouterr().err
    assert run_command(["eval", model, str(tmp_path), "--limit", "0"]) == ExitCode.USAGE
