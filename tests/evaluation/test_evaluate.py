# SPDX-License-Identifier: Apache-2.0
"""The built-in model reads a small set; figures add up, and a bad picture stops nothing."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import ppocrvl
from ppocrvl.cli.main import run_command
from ppocrvl.errors import ExitCode
from ppocrvl.evaluation import Item, evaluate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ppocrvl.evaluation import EvaluatedItem


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
    assert "no image with a text" in capsys.readouterr().err
    assert run_command(["eval", model, str(tmp_path), "--limit", "0"]) == ExitCode.USAGE


@pytest.fixture
def dataset(samples: Path, tmp_path: Path, truths: dict[str, str]) -> Path:
    """Three times the same picture."""
    folder = tmp_path / "set"
    folder.mkdir()
    for name in "abc":
        shutil.copy(samples / "hello.png", folder / f"{name}.png")
        (folder / f"{name}.txt").write_text(truths["hello"], encoding="utf-8")
    return folder


@pytest.fixture
def model(engine: ppocrvl.Engine) -> str:
    return str(engine.paths.llm.parent)


def test_what_was_read_outlives_a_run_that_does_not(
    dataset: Path,
    model: str,
    truths: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    report, part = dataset.parent / "report.json", dataset.parent / "report.json.part"
    report.write_text("of an earlier run", encoding="utf-8")
    read = ppocrvl.Engine.ocr
    found: list[str] = []

    def interrupted(self: ppocrvl.Engine, image: Path, **options: Any) -> ppocrvl.Result:
        if image.name == "b.png":  # what a run that is killed here leaves
            found.extend(part.read_text(encoding="utf-8").splitlines())
            raise KeyboardInterrupt
        return read(self, image, **options)

    command = ["eval", model, str(dataset), "--report", str(report)]
    monkeypatch.setattr(ppocrvl.Engine, "ocr", interrupted)
    assert run_command(command) == ExitCode.INTERRUPTED
    assert [json.loads(line)["text"] for line in found] == [truths["hello"]]
    assert part.read_text(encoding="utf-8").splitlines() == found
    assert report.read_text(encoding="utf-8") == "of an earlier run"
    assert f"what was read so far is in {part}" in capsys.readouterr().err
    # It is not written over.
    monkeypatch.undo()
    assert run_command(command) == ExitCode.OUTPUT
    assert "holds what an earlier run read" in capsys.readouterr().err
    part.unlink()
    assert run_command(command) == ExitCode.OK
    assert len(json.loads(report.read_text(encoding="utf-8"))["readings"]) == 3
    assert not part.exists()


def test_what_cannot_be_is_found_before_anything_is_read(
    dataset: Path, model: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> ppocrvl.Result:
        raise AssertionError("it was read")

    monkeypatch.setattr(ppocrvl.Engine, "ocr", never)
    report = dataset.parent / "report.json"
    command = ["eval", model, str(dataset), "--report", str(report)]
    assert run_command([*command, "--reference", "missing"]) == ExitCode.MODEL
    assert "missing" in capsys.readouterr().err
    assert not list(dataset.parent.glob("report*"))
    report.mkdir()
    assert run_command(command) == ExitCode.OUTPUT
    assert "a folder has this name" in capsys.readouterr().err


def test_a_task_that_the_model_does_not_know_is_found_before_anything_is_read(
    engine: ppocrvl.Engine, samples: Path
) -> None:
    items = [Item(samples / "hello.png", "x"), Item(samples / "hello.png", "x", "nonsense")]
    readings: list[EvaluatedItem] = []
    with pytest.raises(ppocrvl.OptionError, match="nonsense"):
        evaluate(engine, items, keep=readings.append)
    assert readings == []


def test_no_picture_could_be_read(
    dataset: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for picture in dataset.glob("*.png"):
        picture.write_bytes(b"no picture")
    report = dataset.parent / "report.json"
    assert run_command(["eval", model, str(dataset), "--report", str(report)]) == ExitCode.DATASET
    out, err = capsys.readouterr()
    assert "none of its images could be read" in err
    assert out.startswith(model)  # the figures are there all the same
    assert json.loads(report.read_text(encoding="utf-8"))["tasks"]["ocr"]["n_failed"] == 3


def test_a_picture_over_the_context_does_not_end_the_others(
    engine: ppocrvl.Engine, samples: Path, truths: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [Item(samples / f"{name}.png", truths[name]) for name in ("table", "hello")]
    read = ppocrvl.Engine.ocr

    def too_long(self: ppocrvl.Engine, image: Path, **options: Any) -> ppocrvl.Result:
        if image.name == "table.png":
            raise ppocrvl.ContextError("too long")
        return read(self, image, **options)

    monkeypatch.setattr(ppocrvl.Engine, "ocr", too_long)
    first, second = evaluate(engine, items).readings
    assert first.error == f"{samples / 'table.png'}: too long"
    assert second.is_exact


@pytest.mark.skipif(sys.platform == "darwin", reason="names are UTF-8 there")
def test_a_name_that_is_no_text(dataset: Path, model: str) -> None:
    for suffix in (".png", ".txt"):
        (dataset / f"a{suffix}").rename(dataset / os.fsdecode(b"\xff" + suffix.encode()))
    report = dataset.parent / "report.json"
    assert run_command(["eval", model, str(dataset), "--report", str(report)]) == ExitCode.OK
    names = [one["item"]["image"] for one in json.loads(report.read_bytes())["readings"]]
    assert max(map(os.fsencode, names)).endswith(b"/\xff.png")


def test_a_disk_that_is_full(dataset: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = dataset.parent / "report.json"
    report.with_name("report.json.part").symlink_to("/dev/full")
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    assert run_command(["eval", model, str(dataset), "--report", str(report)]) == ExitCode.OUTPUT
    assert f"{report}.part: cannot be written (No space left" in capsys.readouterr().err
