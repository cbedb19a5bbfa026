# SPDX-License-Identifier: Apache-2.0
"""The benchmark of documents judges every program alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rapidfuzz", reason='needs the packages of evaluation: pip install ".[eval]"')

from document_pages import TruePage, bare
from documents import judged
from documents_report import LONG, part, quality_lines, speed_lines
from peer_pages import OURS, TESSERACT

PAGE = TruePage(Path("x.png"), "Title of it one item", "# Title of it\n\n• one item", is_text=True)


def test_the_same_text_is_right_however_it_is_marked() -> None:
    assert judged(PAGE, "# Title of it\n\n- one item")["distance"] == 0
    assert judged(PAGE, "Title of it\n• one item\n")["distance"] == 0
    assert judged(PAGE, "Title of it\n")["distance"] > 0.3
    assert bare("• a - b") == "a b"


def test_tables() -> None:
    values: dict[str, Any] = {
        "machine": {"processor": "P", "threads used": "2", "date": "D"},
        "skipped": {TESSERACT: "apt-get install tesseract-ocr", "llama-server": "--tools"},
        f"quality|painted|{OURS}": [{**judged(PAGE, "# Title of it\n\none"), "seconds": 2.0}],
        "speed|ppocrvl|bf16": [_run(t, busy=0.97, elsewhere=0.031) for t in (10.0, 30.0, 12.0)],
        "speed|llama-server|bf16": [_run(24.0)],
    }
    (*_, row) = quality_lines(values)
    assert row.startswith(f"| painted | {OURS} | 1 | 25.0% | 25.0% |")
    rows = list(speed_lines(values))
    assert rows[2] == "| bf16 | ppocrvl | 30.00 | 2.00 | 0.50 | 3.0 | 1024 | 97.0% | 3.1% |"
    assert rows[3] == "| bf16 | llama-server | 15.00 | 1.00 | 0.50 | 3.0 | 1024 |  |  |"
    assert f"{TESSERACT} was not measured: apt-get install tesseract-ocr." in part(
        "quality", values
    )
    assert "llama-server was not measured: --tools." in part("speed", values)


def test_long_documents() -> None:
    values: dict[str, Any] = {
        "machine": {"processor": "P", "threads used": "2", "date": "D"},
        "skipped": {LONG: "weasyprint is not installed", TESSERACT: "apt-get"},
        "long|built-in|200": {**_run(400, busy=1, elsewhere=0.05), "pages": 200, "pdfium": 5 << 20},
    }
    lines = part("long", values)
    assert lines[2] == "| built-in | 200 | 30.00 | 3.0 | 1024 | 5 | 100.0% | 5.0% |"
    assert "A long document was not measured: weasyprint is not installed." in lines
    assert not any(TESSERACT in line for line in lines)


def _run(seconds: float, **more: float) -> dict[str, Any]:
    return {"seconds": seconds, "pages": 6, "layout": 3.0, "first": 3.0, "peak": 1 << 30, **more}
