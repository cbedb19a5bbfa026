# SPDX-License-Identifier: Apache-2.0
"""Agreement with a reference model, and reports side by side."""

from __future__ import annotations

import errno
import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

import ppocrvl
from ppocrvl.cli.main import run_command
from ppocrvl.errors import (
    DatasetError,
    ExitCode,
    MissingExtraError,
    ModelMismatchError,
    OutputError,
)
from ppocrvl.evaluation import agreement, read_dataset
from ppocrvl.evaluation.agreement import compare_distributions
from ppocrvl.evaluation.comparison import plot, read_rows, render
from synthetic_checkpoint import TINY, write_synthetic_checkpoint

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def model(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    ppocrvl.export(tiny_checkpoint, folder, name="tiny")
    return folder


@pytest.fixture(scope="module")
def dataset(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set")
    for name in ("hello.png", "hello.txt"):
        shutil.copy(samples / name, folder)
    return folder


def test_divergence_of_known_distributions() -> None:
    """KL((1/2, 1/2) || (1/4, 3/4)) = ln 2 - ln 3 / 2."""
    expected = np.log(np.array([[0.5, 0.5], [0.9, 0.1]], np.float32)) + 7
    found = np.log(np.array([[0.25, 0.75], [0.9, 0.1]], np.float32))
    n_equal, kl = compare_distributions(expected, found)
    assert kl == pytest.approx(np.log(2) - np.log(3) / 2, abs=1e-6)
    assert n_equal == 1  # of two equal logits the first counts, as in the sampler


def test_a_model_agrees_with_itself_and_less_with_fewer_bits(
    model: Path, dataset: Path, tmp_path: Path
) -> None:
    items = read_dataset(dataset)
    same = agreement(model, model, items)["ocr"]
    assert (same.n_texts, same.n_equal, same.kl) == (1, same.n_tokens, 0.0)
    assert same.n_tokens == pytest.approx(len(items[0].text), abs=2)  # letters, and the end
    ppocrvl.quantize(model, tmp_path / "8", llm_type="Q8_0", mmproj_type="Q8_0")
    ppocrvl.quantize(model, tmp_path / "4", llm_type="Q4_0", mmproj_type="Q4_0")
    eight, four = (agreement(tmp_path / name, model, items)["ocr"] for name in "84")
    assert 0 < eight.kl < four.kl
    assert four.top1 <= eight.top1 == 1.0


def test_models_of_different_vocabularies(model: Path, dataset: Path, tmp_path: Path) -> None:
    write_synthetic_checkpoint(tmp_path / "checkpoint", TINY)
    ppocrvl.export(tmp_path / "checkpoint", tmp_path / "other")
    with pytest.raises(ModelMismatchError, match="have different vocabularies"):
        agreement(tmp_path / "other", model, read_dataset(dataset))


def test_images_that_cannot_be_read_are_left_out(model: Path, dataset: Path) -> None:
    items = read_dataset(dataset)
    broken = type(items[0])(dataset / "none.png", "x")
    assert agreement(model, model, [broken, *items])["ocr"].n_texts == 1
    assert agreement(model, model, [broken]) == {}


@pytest.fixture(scope="module")
def reports(model: Path, dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("reports")
    ppocrvl.quantize(model, folder / "small", preset="small")
    paths = []
    for name, place in (("bf16", model), ("small", folder / "small")):
        report = folder / f"{name}.json"
        arguments = ["eval", str(place), str(dataset), "--reference", str(model)]
        assert run_command([*arguments, "--report", str(report)]) == ExitCode.OK
        paths.append(report)
    return paths


def test_eval_reports_agreement(reports: list[Path]) -> None:
    first, second = (json.loads(path.read_text(encoding="utf-8")) for path in reports)
    assert first["agreement"]["ocr"]["top1"] == 1.0
    assert second["agreement"]["ocr"]["kl"] > 0
    assert 0 < second["n_bytes"] < first["n_bytes"]


def test_compare(reports: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["eval", "--compare", *map(str, reports), "--plots", str(tmp_path / "plots")]
    assert run_command(arguments) == ExitCode.OK
    printed = capsys.readouterr().out
    header, base, small = printed.splitlines()
    assert header.split()[:4] == ["ocr", "MB", "images", "unended"]
    assert base.split()[-3:-1] == ["100.00%", "0.00000"]
    assert float(small.split()[1]) < float(base.split()[1])
    plots = sorted(path.name for path in (tmp_path / "plots").iterdir())
    assert plots == ["quality-bytes.svg", "quality-speed.svg"]
    assert render(read_rows(reports)) == printed
    again = plot(read_rows(reports), tmp_path)
    assert again[0].read_bytes() == (tmp_path / "plots" / "quality-bytes.svg").read_bytes()


def test_plots_are_complete_or_not_there(
    reports: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plot(read_rows(reports), tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match=r"quality-bytes\.svg: cannot be written .No space"):
        plot(read_rows(reports)[:1], tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_rows_tell_what_is_the_first_s_text(reports: list[Path], tmp_path: Path) -> None:
    report = json.loads(reports[1].read_text(encoding="utf-8"))
    report["readings"][0]["text"] += "x"
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(report), encoding="utf-8")
    assert [row.same for row in read_rows([reports[0], changed])] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "no report of ppocrvl eval"),
        ("[]", "no report of ppocrvl eval"),
        ("{}", "no report of ppocrvl eval"),
        ('{"tasks": {"ocr": {"n": "many"}}, "readings": []}', "no report of ppocrvl eval"),
        (
            '{"tasks": {"ocr": {}}, "readings": [], "agreement": {}, "model": 0, "n_bytes": 1e999}',
            "no report of ppocrvl eval",
        ),
        ('{"tasks": {}, "readings": []}', "nothing was read"),
        (None, "cannot be read"),
    ],
)
def test_bad_reports(tmp_path: Path, content: str | None, reason: str) -> None:
    path = tmp_path / "report.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(DatasetError, match=reason):
        read_rows([path])


def test_reports_of_different_sets(reports: list[Path], tmp_path: Path) -> None:
    report = json.loads(reports[1].read_text(encoding="utf-8"))
    report["tasks"]["ocr"]["n"] += 1
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(report), encoding="utf-8")
    with pytest.raises(DatasetError, match="different sets of images"):
        read_rows([reports[0], changed])


def test_without_matplotlib(
    reports: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r'pip install "ppocrvl\[eval\]"'):
        plot(read_rows(reports), tmp_path)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["eval"], "name a model and a dataset"),
        (["eval", "model"], "name a model and a dataset"),
        (["eval", "model", "--compare", "a"], "takes reports, and neither"),
        (["eval", "model", "set", "--plots", "x"], "--plots belongs to --compare"),
    ],
)
def test_usage(capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str) -> None:
    assert run_command(arguments) == ExitCode.USAGE
    assert reason in capsys.readouterr().err
