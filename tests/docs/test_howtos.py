# SPDX-License-Identifier: Apache-2.0
"""Every command and program of the how-tos runs, in its order, in a folder as the page has it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("uvicorn", reason='needs the server: pip install ".[server]"')
from tests.docs.markdown import SHELL, blocks
from tests.docs.nginx import Nginx
from tests.server.running import Server

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = [DOCS / "getting-started.md", *sorted((DOCS / "howto").glob("*.md"))]
ELSEWHERE = ("pip install ", "ppocrvl pull ", "export PPOCRVL_MODEL=")
"""Commands for a network: tests/cli/test_pull.py has a hub of its own."""

NEEDS = {"folder-to-jsonl": ["jq"], "paddleocr": ["jq"], "scan-to-markdown": ["jq"]}
NEEDS |= {"searchable-pdf": ["pdftotext", "tesseract", "gs"], "nginx": ["nginx", "openssl"]}
PACKAGES = {"jq": "jq", "pdftotext": "poppler-utils", "tesseract": "tesseract-ocr"}
PACKAGES |= {"gs": "ghostscript", "nginx": "nginx-light", "openssl": "openssl"}

SILENT = re.compile(r" -o | > |^mkdir|^ocrmypdf")
"""Commands whose results are files."""

PROGRAMS = ("ppocrvl", "ocrmypdf")
SECONDS = 900
USUAL = "http://127.0.0.1:8080"


@pytest.fixture
def folder(tmp_path: Path, project_root: Path) -> Path:
    """Where the commands run: the samples, the checkpoint, and our programs."""
    (tmp_path / "samples").symlink_to(project_root / "samples")
    (tmp_path / "models").symlink_to(project_root / "models")
    (tmp_path / "bin").mkdir()
    for name in PROGRAMS:
        program = tmp_path / "bin" / name
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m {name} "$@"\n')
        program.chmod(0o755)
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Callable[..., str]:
    """Runs a command there, and gives what it prints."""
    environment = {**os.environ, "PPOCRVL_MODEL": "", "CURL_HOME": str(folder)}
    environment["PATH"] = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    (folder / ".curlrc").write_text("fail\nsilent\n")

    def run(*command: str) -> str:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def placed(text: str, server: Server | None) -> str:
    """The text with the address that the server has here."""
    return text if server is None else text.replace(USUAL, server.url)


def need(page: Path) -> None:
    for program in NEEDS.get(page.stem, []):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}: apt-get install {PACKAGES[program]}")


@pytest.mark.slow
@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_runs(
    page: Path, run: Callable[..., str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need(page)
    monkeypatch.chdir(folder)
    server: Server | None = None
    with ExitStack() as running:
        for block in blocks(page.read_text(encoding="utf-8")):
            if block.kind == "python":
                assert run(sys.executable, "-c", placed(block.text, server)).strip()
            elif block.kind == "nginx":
                assert server is not None
                running.callback(Nginx(folder, block.text, server).stop)
            elif block.kind == SHELL:
                for line in block.text.splitlines():
                    if line.startswith("ppocrvl serve"):
                        server = Server(*shlex.split(line)[2:])
                        running.callback(server.stop)
                        server.wait_ready()
                    elif not line.startswith(ELSEWHERE):
                        said = run("bash", "-euo", "pipefail", "-c", placed(line, server))
                        assert said or SILENT.search(line), line
