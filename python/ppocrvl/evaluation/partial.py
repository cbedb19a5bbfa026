# SPDX-License-Identifier: Apache-2.0
"""A report that is written as the reading goes on: what was read outlives a run that does not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ppocrvl.errors import OutputError
from ppocrvl.support.closing import Closing
from ppocrvl.support.output import require_folder, write_text

if TYPE_CHECKING:
    from pathlib import Path


class PartialReport(Closing):
    """A file of JSON objects, one a line, beside the report until that is complete.

    Args:
        report: where the report is to be.

    Attributes:
        path: the file, `<report>.part`.
        is_empty: whether nothing was added yet.

    Raises:
        OutputError: it cannot be written, or an earlier run has left one.
    """

    def __init__(self, report: Path) -> None:
        require_folder(report)
        self._report = report
        self.path = report.with_name(f"{report.name}.part")
        try:
            self._file = self.path.open("a", encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise self._output_error(error) from error
        self.is_empty = True
        if self._file.tell():
            self._file.close()
            raise OutputError(
                f"{self.path}: holds what an earlier run read; move it away, or name another report"
            )

    def add(self, values: dict[str, Any]) -> None:
        """Writes one object.

        Raises:
            OutputError: it cannot be written.
        """
        self.is_empty = False
        try:
            self._file.write(_json(values))
            self._file.flush()
        except OSError as error:
            raise self._output_error(error) from error

    def complete(self, values: dict[str, Any]) -> None:
        """Puts the report in its place.

        Raises:
            OutputError: it cannot be written.
        """
        write_text(self._report, _json(values))
        self.is_empty = True

    def close(self) -> None:
        """Ends the file; it stays if it holds what no report has."""
        try:
            self._file.close()
        except OSError as error:
            raise self._output_error(error) from error
        if self.is_empty:
            self.path.unlink(missing_ok=True)

    def _output_error(self, error: OSError) -> OutputError:
        return OutputError(f"{self.path}: cannot be written ({error.strerror or error})")


def _json(values: dict[str, Any]) -> str:
    text = json.dumps(values, ensure_ascii=False) + "\n"
    # The name of a file may hold bytes that are no UTF-8, as surrogates; JSON can escape them.
    return text.encode("utf-8", "backslashreplace").decode()
