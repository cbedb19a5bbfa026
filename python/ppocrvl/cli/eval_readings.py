# SPDX-License-Identifier: Apache-2.0
"""What `ppocrvl eval` does with readings, of images and of documents alike."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Protocol

from ppocrvl.cli.messages import note, report
from ppocrvl.cli.writing import ProgressLine
from ppocrvl.errors import DatasetError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ppocrvl.evaluation.partial import PartialReport


class Reading(Protocol):
    """An image or document that was read."""

    @property
    def error(self) -> str:
        """Why it could not be; else ""."""

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""


class Evaluated(Protocol):
    """All readings of a data set."""

    @property
    def readings(self) -> Sequence[Reading]:
        """One for each item."""

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""


class Readings:
    """Says how far the reading is and what fails, and keeps each one in the report.

    Args:
        unit: what is counted.
        kept: the report, while it is written; None for none.
    """

    def __init__(self, unit: str, kept: PartialReport | None) -> None:
        self._line = ProgressLine(unit, 1)
        self._kept = kept

    def progress(self, doing: str, done: int, total: int) -> None:
        """So many are done."""
        self._line(doing, done, total)

    def keep(self, reading: Reading) -> None:
        """One is there."""
        if reading.error:
            self._line.clear()
            note(reading.error)
        if self._kept is not None:
            self._kept.add(reading.to_dict())

    def end(self, evaluation: Evaluated, text: str, dataset: Path, failure: str) -> int:
        """Prints the figures and completes the report; the exit code.

        Args:
            evaluation: all there is.
            text: its figures.
            dataset: what was read.
            failure: what to say of it where nothing could be.
        """
        sys.stdout.write(text)
        sys.stdout.flush()
        if self._kept is not None:
            self._kept.complete(evaluation.to_dict())
        if all(reading.error for reading in evaluation.readings):
            return report(DatasetError(f"{dataset}: {failure}"))
        return ExitCode.OK
