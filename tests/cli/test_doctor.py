# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl doctor`."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import ppocrvl
from ppocrvl.cli.main import run_command
from ppocrvl.errors import ExitCode
from ppocrvl.inspection import doctor
from ppocrvl.quantizer.presets import advice

if TYPE_CHECKING:
    from tests.cli.conftest import Program


def test_report_of_this_installation(
    ppocrvl_program: Program, environment: dict[str, str], endless_model: Path
) -> None:
    pulled = f"{environment['PPOCRVL_CACHE_DIR']}/models/owner--name/0123abcd"
    shutil.copytree(endless_model, pulled)
    done = ppocrvl_program("doctor", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == ExitCode.OK, report["self_test"]
    assert report["self_test"]["text"] == report["self_test"]["expected"]
    assert report["self_test"]["devices"].keys() == {"vision", "text", "kv_cache"}
    assert report["self_test"]["notes"] == []
    assert len(report["llama_cpp"]) == 40
    assert report["packages"]["numpy"]
    assert report["cpu_features"]
    assert report["quantization"].startswith("the default is balanced; this CPU ")
    assert "cpu" in [device["kind"] for device in report["devices"]]
    assert [model["source"] for model in report["models"]] == [
        "built-in",
        "PPOCRVL_MODEL",
        "pulled",
    ]
    named = report["models"][1]["llm"]
    assert named["sha256"] == hashlib.sha256(Path(named["path"]).read_bytes()).hexdigest()
    assert report["models"][2]["path"] == pulled


def test_text_report(ppocrvl_program: Program) -> None:
    done = ppocrvl_program("doctor")
    names = [line.split("  ")[0] for line in done.stdout.splitlines()]
    for name in (
        "ppocrvl",
        "llama.cpp",
        "compiler",
        "python",
        "CPU features",
        "quantization",
        "model",
    ):
        assert name in names
    assert names[-1] == "self-test"
    assert "passed: read" in done.stdout.splitlines()[-1]
    assert "note" not in names


def test_notes_of_the_engine_are_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Engine(ppocrvl.Engine):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, device="cpu", n_threads=1024, **options)

    monkeypatch.setattr(doctor, "Engine", Engine)
    assert run_command(["doctor"]) == ExitCode.OK
    *_, note, last = capsys.readouterr().out.splitlines()
    assert note.startswith("note          n_threads is 1024, but")
    assert last.endswith(" s on CPU")


def test_advice_follows_from_the_cpu() -> None:
    assert "BF16 files may read prompts faster" in advice(["AVX2", "AVX512_BF16"])
    assert "BF16 files are slower in every stage" in advice(["AVX2"])


def test_model_that_cannot_be_used_is_shown(ppocrvl_program: Program, tmp_path: Path) -> None:
    done = ppocrvl_program("doctor", "--json", PPOCRVL_MODEL=str(tmp_path / "nowhere"))
    assert "no such file" in json.loads(done.stdout)["models"][1]["error"]


@pytest.fixture
def endless_as_built_in(
    endless_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A package whose built-in model reads nonsense, without a test picture."""
    folder = tmp_path / "models"
    shutil.copytree(endless_model, folder)
    monkeypatch.setattr("ppocrvl.models.folder.BUILT_IN_FOLDER", folder)
    monkeypatch.setattr(doctor, "BUILT_IN_FOLDER", folder)
    monkeypatch.setattr(doctor, "SELF_TEST_IMAGE", folder / "selftest.png")
    monkeypatch.setattr(doctor, "SELF_TEST_TEXT", folder / "selftest.txt")
    monkeypatch.delenv("PPOCRVL_MODEL", raising=False)
    monkeypatch.setenv("PPOCRVL_CACHE_DIR", str(tmp_path / "cache"))
    return folder


def test_wrong_text_fails(
    endless_as_built_in: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(picture, endless_as_built_in / "selftest.png")
    (endless_as_built_in / "selftest.txt").write_text("Hello\n", encoding="utf-8")
    assert run_command(["doctor"]) == ExitCode.INTERNAL
    last = capsys.readouterr().out.splitlines()[-1]
    assert "FAILED: read" in last
    assert "'Hello' stands" in last


def test_incomplete_installation_fails(
    endless_as_built_in: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert endless_as_built_in.is_dir()
    assert run_command(["doctor", "--json"]) == ExitCode.INTERNAL
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert "selftest.txt" in report["self_test"]["error"]
