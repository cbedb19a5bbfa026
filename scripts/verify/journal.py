# SPDX-License-Identifier: Apache-2.0
"""What became of each step, a JSON file each, so that a run goes on where the last one ended."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from ppocrvl.errors import MissingExtraError
from ppocrvl.support.output import make_folder, write_text
from verify.work import DiffersError, SkippedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from verify.work import Work

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


class Journal:
    """Of the verification of one set of files; that of others is not gone on with."""

    def __init__(self, folder: Path, subject: dict[str, Any]) -> None:
        self._folder = make_folder(folder)
        text = json.dumps(subject, indent=1, sort_keys=True)
        path = folder / "subject.json"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            for entry in folder.glob("step-*.json"):
                entry.unlink()
            write_text(path, text)

    def entry(self, name: str) -> dict[str, Any]:
        """What is known of a step; empty where it was not done."""
        try:
            found = json.loads(self._path(name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return dict(found)

    def is_passed(self, name: str) -> bool:
        """Whether it need not be done again."""
        return bool(self.entry(name).get("status") == PASSED)

    def write(self, name: str, status: str, message: str, values: object, seconds: float) -> None:
        """Note how it ended."""
        entry = {"status": status, "message": message, "seconds": seconds, "values": values}
        write_text(self._path(name), json.dumps(entry, indent=1))

    def forget(self, name: str) -> None:
        """It is to be done again."""
        self._path(name).unlink(missing_ok=True)

    def do(self, name: str, step: Callable[[Work], dict[str, Any]], work: Work) -> None:
        """Do a step, and note how it ended, whatever it raises."""
        begin = time.monotonic()
        values: object = {}
        try:
            values = step(work)
            status, message = PASSED, ""
        except (SkippedError, MissingExtraError) as error:
            status, message = SKIPPED, str(error)
        except DiffersError as error:
            status, message, values = FAILED, str(error), error.values
        except Exception as error:  # noqa: BLE001 - the others go on
            status, message = FAILED, f"{type(error).__name__}: {' '.join(str(error).split())}"
        self.write(name, status, message, values, time.monotonic() - begin)

    def _path(self, name: str) -> Path:
        return self._folder / f"step-{name}.json"
