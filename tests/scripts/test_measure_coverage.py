# SPDX-License-Identifier: Apache-2.0
"""What the tools of both languages counted becomes a table of packages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import measure_coverage

if TYPE_CHECKING:
    from pathlib import Path


def rows(table: str) -> dict[str, str]:
    return {line.split()[0]: " ".join(line.split()[1:]) for line in table.splitlines()}


def test_python(tmp_path: Path) -> None:
    def file(*counts: int) -> dict[str, object]:
        keys = ("num_statements", "covered_lines", "num_branches", "covered_branches")
        return {"summary": dict(zip(keys, counts, strict=True))}

    report = tmp_path / "python.json"
    files = {
        "python/ppocrvl/api.py": file(4, 4, 0, 0),
        "python/ppocrvl/engine/engine.py": file(10, 5, 8, 2),
        "python/ppocrvl/engine/deeper/many.py": file(10, 10, 2, 2),
    }
    report.write_text(json.dumps({"files": files}), encoding="utf-8")
    table = rows(measure_coverage.packages(measure_coverage.python_files(report)))
    assert table["python/ppocrvl"] == "4 of 4 100.0 % -"
    assert table["python/ppocrvl/engine"] == "15 of 20 75.0 % 4 of 10 40.0 %"
    assert table["all"] == "19 of 24 79.2 % 4 of 10 40.0 %"
    assert list(table)[-1] == "all"


def test_core(tmp_path: Path) -> None:
    keys = ("filename", "line_total", "line_covered", "branch_total", "branch_covered")
    files = [("csrc/engine/engine.cpp", 10, 9, 4, 1), ("csrc/text/prompt.cpp", 2, 2, 2, 2)]
    report = tmp_path / "core.json"
    report.write_text(
        json.dumps({"files": [dict(zip(keys, one, strict=True)) for one in files]}),
        encoding="utf-8",
    )
    table = rows(measure_coverage.packages(measure_coverage.core_files(report)))
    assert table["csrc/engine"] == "9 of 10 90.0 % 1 of 4 25.0 %"
    assert table["csrc/text"] == "2 of 2 100.0 % 2 of 2 100.0 %"
    assert table["all"] == "11 of 12 91.7 % 3 of 6 50.0 %"
