# SPDX-License-Identifier: Apache-2.0
"""Where answers go and how they look: --output and --format."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import ppocrvl
from ppocrvl.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Program

BUILT_IN = {"PPOCRVL_MODEL": ""}


def test_one_picture_into_one_file(ppocrvl_program: Program, samples: Path, tmp_path: Path) -> None:
    """The extension says the format."""
    file = tmp_path / "table.md"
    command = ("ocr", samples / "table.png", "--task", "table", "-o", file)
    done = ppocrvl_program(*command, **BUILT_IN)
    assert (done.returncode, done.stdout) == (ExitCode.OK, "")
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[1].replace("|", "").replace("-", "").strip() == ""
    assert lines[2].startswith("| Bread | 2 |")
    ppocrvl_program(*command, "--format", "html", **BUILT_IN)
    assert "<td>Bread</td>" in file.read_text(encoding="utf-8")  # what is said counts


def test_several_pictures_into_a_folder(
    ppocrvl_program: Program, samples: Path, tmp_path: Path
) -> None:
    """One that fails has no file, and takes nobody's name."""
    twin, bad = tmp_path / "hello.png", tmp_path / "bad" / "hello.png"
    twin.write_bytes((samples / "table.png").read_bytes())
    bad.parent.mkdir()
    bad.write_bytes(b"no image")
    out = tmp_path / "new" / "out"
    done = ppocrvl_program("ocr", samples / "hello.png", bad, twin, "-o", out, **BUILT_IN)
    assert done.returncode == ExitCode.IMAGE
    assert sorted(path.name for path in out.iterdir()) == ["hello-3.txt", "hello.txt"]
    assert "Bread" in (out / "hello-3.txt").read_text(encoding="utf-8")


def test_lines_of_all_pictures_into_one_file(
    ppocrvl_program: Program, picture: Path, tmp_path: Path
) -> None:
    file, missing = tmp_path / "all.jsonl", tmp_path / "missing.png"
    command = ("ocr", picture, missing, "--max-tokens", 3, "-o", file, "--format", "jsonl")
    assert ppocrvl_program(*command).returncode == ExitCode.IMAGE
    first, second = (json.loads(line) for line in file.read_text().splitlines())
    assert first["image"] == str(picture)
    assert second["error"] == "ImageNotFoundError"


@pytest.mark.parametrize("n", [1, 2])
def test_json_is_one_document(ppocrvl_program: Program, picture: Path, n: int) -> None:
    done = ppocrvl_program("ocr", *[picture] * n, "--format", "json", "--max-tokens", 3)
    answers = json.loads(done.stdout)
    assert [one["image"] for one in (answers if n > 1 else [answers])] == [str(picture)] * n


def test_texts_of_several_pictures_are_told_apart(
    ppocrvl_program: Program, picture: Path, samples: Path
) -> None:
    names = [samples / "hello.png", samples / "table.png"]
    lines = ppocrvl_program("ocr", *names, **BUILT_IN).stdout.splitlines()
    assert lines[0] == f"==> {names[0]} <=="
    assert lines[lines.index(f"==> {names[1]} <==") - 1] == ""
    assert "==>" not in ppocrvl_program("ocr", picture, "--max-tokens", 3).stdout


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--server", "http://localhost:1", "--threads", "2"], "--threads is not with --server"),
        (["--server", "http://localhost:1", "--model", "x"], "--model is not with --server"),
        (["--server", "http://localhost:1", "--max-image-pixels", "9"], "--max-image-pixels is"),
        (["--retries", "2"], "--retries is only with --server"),
        (["--json", "--format", "html"], "--json is --format jsonl"),
        (["--kernels", "nonsense"], "nonsense"),
        (["--encode-threads", "-1"], "encode_threads must be"),
    ],
)
def test_what_cannot_apply_is_an_error(
    ppocrvl_program: Program, picture: Path, flags: list[str], message: str
) -> None:
    done = ppocrvl_program("ocr", picture, *flags)
    assert done.returncode == ExitCode.USAGE
    assert message in done.stderr
    assert done.stdout == ""


def test_a_file_is_no_folder_for_several(
    ppocrvl_program: Program, picture: Path, tmp_path: Path
) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("mine")
    done = ppocrvl_program("ocr", picture, picture, "-o", file)
    assert done.returncode == ExitCode.USAGE
    assert "must be a folder" in done.stderr
    assert file.read_text() == "mine"


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion(ppocrvl_program: Program, shell: str) -> None:
    done = ppocrvl_program("completion", shell)
    assert done.returncode == ExitCode.OK
    assert "--max-pixels" in done.stdout


def test_what_was_read_is_kept_when_the_rest_is_not(
    ppocrvl_program: Program, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C after the first of two."""
    read = ppocrvl.Engine.ocr_many

    def interrupted(*args: Any, **options: Any) -> Iterator[ppocrvl.Outcome]:
        yield next(iter(read(*args, **options)))
        raise KeyboardInterrupt

    monkeypatch.setattr(ppocrvl.Engine, "ocr_many", interrupted)
    file = tmp_path / "all.jsonl"
    command = ("ocr", picture, picture, "--max-tokens", 3, "-o", file)
    assert ppocrvl_program(*command).returncode == ExitCode.INTERRUPTED
    assert json.loads(file.read_text())["image"] == str(picture)
