# SPDX-License-Identifier: Apache-2.0
"""Results by name, kept in a file as they come, so that an interrupted run goes on where it was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


class Figures:
    """Values by name; each assignment writes the file.

    Args:
        path: the JSON file; read where it exists.
        fresh: forget what it holds.
    """

    def __init__(self, path: Path, *, fresh: bool) -> None:
        self._path = path
        self.values: dict[str, Any] = {}
        if path.exists() and not fresh:
            self.values = json.loads(path.read_text(encoding="utf-8"))

    def __setitem__(self, name: str, value: object) -> None:
        self.values[name] = value
        aside = self._path.with_name(f"{self._path.name}.part")
        aside.write_text(json.dumps(self.values, indent=1) + "\n", encoding="utf-8")
        aside.replace(self._path)
