# SPDX-License-Identifier: Apache-2.0
"""What is to be read: --jsonl-requests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ppocrvl.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Program


def write(folder: Path, *requests: object) -> Path:
    file = folder / "requests.jsonl"
    file.write_text("".join(f"{json.dumps(one)}\n\n" for one in requests), encoding="utf-8")
    return file


def test_each_line_has_its_own_options(
    ppocrvl_program: Program, picture: Path, tmp_path: Path
) -> None:
    """One that fails is reported with its tag; a relative path starts from the file's folder."""
    (tmp_path / "near.png").write_bytes(picture.read_bytes())
    file = write(
        tmp_path,
        {"image": "near.png", "max_tokens": 2, "tag": {"page": 7}},
        {"image": "missing.png", "tag": "lost"},
        {"image": str(picture), "task": "table", "max_tokens": 3},
        {"image": str(picture), "max_pixels": 1},
    )
    done = ppocrvl_program("ocr", "--jsonl-requests", file)
    first, missing, last, impossible = map(json.loads, done.stdout.splitlines())
    assert done.returncode == ExitCode.IMAGE  # of the first that failed
    assert first["image"] == str(tmp_path / "near.png")
    assert (first["tag"], first["timings"]["generated_tokens"]) == ({"page": 7}, 2)
    assert (missing["error"], missing["tag"]) == ("ImageNotFoundError", "lost")
    assert (last["task"], last["timings"]["generated_tokens"]) == ("table", 3)
    assert impossible["error"] == "OptionError"
    assert "tag" not in last


def test_requests_from_standard_input(ppocrvl_program: Program, picture: Path) -> None:
    line = json.dumps({"image": str(picture), "max_tokens": 2}).encode()
    done = ppocrvl_program("ocr", "--jsonl-requests", "-", "--format", "text", stdin=line)
    assert done.returncode == ExitCode.OK
    assert done.stdout.count("\n") >= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name an image"),
        (("x.png", "--jsonl-requests", "FILE"), "leave the others out"),
        (("--jsonl-requests", "FILE", "--task", "table"), "--task is not with --jsonl-requests"),
        (("--jsonl-requests", "nowhere"), "nowhere: cannot be read"),
    ],
)
def test_what_cannot_be(
    ppocrvl_program: Program, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    file = write(tmp_path, {"image": "x.png"})
    done = ppocrvl_program("ocr", *[file if one == "FILE" else one for one in arguments])
    assert done.returncode == ExitCode.USAGE
    assert message in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"image": "x.png", "tsak": "table"}, "line 3: a request has no key 'tsak'"),
        ([1], "line 3: a request must be a JSON object"),
        ({"image": "x.png", "max_tokens": 0}, "line 3: max_tokens must be"),
    ],
)
def test_a_line_that_is_no_request_is_named(
    ppocrvl_program: Program, tmp_path: Path, request_: object, message: str
) -> None:
    file = write(tmp_path, {"image": "good.png"}, request_)
    done = ppocrvl_program("ocr", "--jsonl-requests", file)
    assert done.returncode == ExitCode.USAGE
    assert message in done.stderr
