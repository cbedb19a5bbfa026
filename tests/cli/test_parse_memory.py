# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl parse` takes as much memory for a thousand pages as for ten."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.parsing.sources.pdf_writer import pdf, text

if TYPE_CHECKING:
    from pathlib import Path

FEW, MANY = 10, 1000
WITHIN = 1.05


def peaks(arguments: list[str], root: Path) -> list[int]:
    """Bytes of the program and of the process that PDFium runs in."""
    command = [sys.executable, "-m", "tests.cli.peak_worker", *arguments]
    path = os.pathsep.join(map(str, (root, root / "benchmarks")))
    environment = {**os.environ, "PPOCRVL_MODEL": "", "PYTHONPATH": path}
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stderr.splitlines()[-1].split()]


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_thousand_pages_take_no_more_memory_than_ten(tmp_path: Path, project_root: Path) -> None:
    """A PDF through everything, with a journal and three formats, one of them with pictures."""
    path = tmp_path / "long.pdf"
    path.write_bytes(
        pdf(*(text(f"Page {n}", 4, 10, 16) for n in range(MANY)), box=b"0 0 90 28", count=MANY)
    )
    found = []
    for n_pages in (FEW, MANY):
        out = tmp_path / str(n_pages)
        command = ["parse", str(path), "-o", str(out), "--to", "md,json,html", "--pages"]
        command += [f"1-{n_pages}", "--dpi", "72", "--layout", "none", "--max-tokens", "12"]
        found.append(peaks(command, project_root))
        pages = json.loads((out / "long.json").read_text(encoding="utf-8"))["pages"]
        assert len(pages) == n_pages
        assert all(page["blocks"][0]["text"] for page in pages)
    (few, few_pdfium), (many, many_pdfium) = found
    assert many < WITHIN * few
    assert many_pdfium < WITHIN * few_pdfium
