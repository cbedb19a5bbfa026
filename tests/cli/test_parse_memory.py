# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl parse` takes no more memory for a thousand pages than for a hundred."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.parsing.sources.pdf_writer import pdf, text

if TYPE_CHECKING:
    from pathlib import Path

FEW, MANY = 100, 1000
"""The first hundred start all threads, fill the cache of encoded blocks and a process of PDFium."""
WITHIN = 1.05
TEXT_BYTES = 6000
"""Of a page with one line: its objects, while the document is put together."""
TREE_BYTES = 3 << 20
"""Of PDFium, which goes through the tree of pages to the last one. If one process rendered all of
them, it would be 9 MB."""


def peaks(arguments: list[str], root: Path) -> list[int]:
    """Bytes of the program and of the process that PDFium runs in."""
    command = [sys.executable, "-m", "tests.cli.peak_worker", *arguments]
    path = os.pathsep.join(map(str, (root, root / "benchmarks")))
    # Threads that prepare pictures start when they are needed, and glibc gives each a heap.
    more = {"PPOCRVL_MODEL": "", "PYTHONPATH": path, "MALLOC_ARENA_MAX": "1"}
    environment = {**os.environ, **more}
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stderr.splitlines()[-1].split()]


@pytest.fixture(scope="module")
def long_pdf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small pages, each with a text of its own."""
    path = tmp_path_factory.mktemp("long") / "long.pdf"
    pages = (text(f"Page {n}", 4, 10, 16) for n in range(MANY))
    path.write_bytes(pdf(*pages, box=b"0 0 90 28"))
    return path


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("formats", ["", "md,json,html"])
def test_a_thousand_pages_take_no_more_memory_than_a_hundred(
    tmp_path: Path, project_root: Path, long_pdf: Path, formats: str
) -> None:
    """A document that is written as a whole takes what its text does, and no picture of a page."""
    (few, few_pdfium), (many, many_pdfium) = (
        peaks(
            [
                *("parse", str(long_pdf), "--pages", f"1-{n_pages}", "--jsonl"),
                *(("-o", str(tmp_path / str(n_pages)), "--to", formats) if formats else ()),
                *("--dpi", "72", "--layout", "none", "--max-tokens", "12"),
            ],
            project_root,
        )
        for n_pages in (FEW, MANY)
    )
    assert many < WITHIN * few + (MANY * TEXT_BYTES if formats else 0)
    assert many_pdfium < few_pdfium + TREE_BYTES
