# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl parse` of hundreds of damaged PDFs: a line and a mark for what fails, and the rest."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from tests.parsing.sources.mutants import RICH, mutated

from ppocrvl.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Program

N_FILES = 50
BATCHES = [
    pytest.param(number, marks=[pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(1200)])
    for number in range(10)
]
_NAME = r".*\d{3}\.p\w+"
SAID = re.compile(
    "ppocrvl: (?:"
    + "|".join(
        (
            "using the small built-in model.*",
            rf"error: {_NAME} \S.*",
            rf"{_NAME}, page \d+: failed: page \d+ of {_NAME} \S.*",
            rf"{_NAME}, page \d+, block 1 \(text\): cut off \(--max-tokens\)",
            rf"{_NAME}: \d+ pages?, \d+ blocks?, .*",
        )
    )
    + ")"
)
"""All that may stand on stderr."""


@pytest.mark.parametrize("batch", BATCHES)
def test_mutated_files(ppocrvl_program: Program, samples: Path, tmp_path: Path, batch: int) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for number in range(N_FILES):
        data = mutated(RICH, 1000 + N_FILES * batch + number)
        (folder / f"{number:03}.pdf").write_bytes(data)
    (folder / "999.png").write_bytes((samples / "hello.png").read_bytes())
    command = ("parse", folder, "-o", out, "--to", "json", "--dpi", 18, "--max-tokens", 4)
    done = ppocrvl_program(*command, "--layout", "none", PPOCRVL_MODEL="")
    lines = done.stderr.splitlines()
    assert [line for line in lines if not SAID.fullmatch(line)] == []
    refused = {match[1] for line in lines if (match := re.search(r"error: .*?(\d{3})\.pdf ", line))}
    written = {path.stem for path in out.glob("*.json")}
    assert refused | written == {f"{number:03}" for number in range(N_FILES)} | {"999"}
    assert not refused & written
    values = {name: json.loads((out / f"{name}.json").read_text("utf-8")) for name in written}
    failed = [page for one in values.values() for page in one["pages"] if page["error"]]
    assert done.returncode == (ExitCode.DOCUMENT if refused or failed else ExitCode.OK)
    (page,) = values["999"]["pages"]
    assert page["blocks"][0]["text"]
    assert len(written) > N_FILES // 2
