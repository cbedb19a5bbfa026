# SPDX-License-Identifier: Apache-2.0
"""What a run left out for want of something, in one line at its end.

A test that is skipped says so as `needs WHAT: HOW`, for example
`needs Chromium: apt-get install chromium`; what is said otherwise is counted alone.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

OFFICIAL_FILES = "needs the official checkpoint's files: PPOCRVL_OFFICIAL_FILES=FOLDER"
TORCH = 'needs torch and transformers: pip install ".[reference]"'
TRAINING_FONTS = "needs the training fonts: scripts/tiny/packages.txt"

NEEDS = re.compile(r"(?:Skipped: )?needs (?P<what>.+?): (?P<how>.+)")


def not_run_line(skipped: Iterable[pytest.TestReport | pytest.CollectReport]) -> str | None:
    """`not run: 57 tests (torch and transformers: pip install …), …`, or None for none.

    A file that was skipped as a whole counts as one, since nobody knows what is in it.
    """
    counts: Counter[str] = Counter()
    for report in skipped:
        assert isinstance(report.longrepr, tuple)  # path, line, reason
        found = NEEDS.fullmatch(report.longrepr[2])
        kind = "file" if isinstance(report, pytest.CollectReport) else "test"
        need = f"{found['what']}: {found['how']}" if found else "why is said above"
        counts[f"{need}\0{kind}"] += 1
    parts = []
    for key, count in counts.most_common():
        need, _, kind = key.partition("\0")
        parts.append(f"{count} {kind}{'s' * (count > 1)} ({need})")
    return f"not run: {', '.join(parts)}" if parts else None


class NotRun:
    """Writes the line below everything but pytest's own last one."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
        yield
        line = not_run_line(terminalreporter.stats.get("skipped", []))
        if line:
            terminalreporter.write_line(line)
