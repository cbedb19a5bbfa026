# SPDX-License-Identifier: Apache-2.0
"""Hidden state is listed: docs/ARCHITECTURE.md has every thread-local of csrc/, and no others."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DECLARED = re.compile(r"^\s*(?:static )?thread_local [^;={]*?(\w+)\s*(?:[={][^;]*)?;", re.MULTILINE)


def test_every_thread_local_is_listed() -> None:
    declared = {
        (name, str(path.relative_to(ROOT)))
        for path in (ROOT / "csrc").rglob("*.*")
        if "tests" not in path.parts and path.suffix in {".h", ".cpp"}
        for name in DECLARED.findall(path.read_text(encoding="utf-8"))
    }
    text = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    section = text.split("### Thread-locals", 1)[1].split("\n## ", 1)[0]
    listed = {
        (name, row[2].strip("` "))
        for row in (line.split("|") for line in section.splitlines() if line.startswith("| `"))
        for name in re.findall(r"`(\w+)`", row[1])
    }
    assert len(declared) > 1  # the test reads what it thinks it reads
    assert declared == listed
