# SPDX-License-Identifier: Apache-2.0
"""Names for the files that a command writes into a folder, one for each image."""

from __future__ import annotations

from pathlib import Path


class Stems:
    """The image's own name, and with a number where an earlier one had it."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, name: str) -> str:
        """The name of the file for the image of this name, without extension."""
        stem = "stdin" if name == "-" else Path(name).stem
        number, free = 1, stem
        while free.casefold() in self._taken:
            number += 1
            free = f"{stem}-{number}"
        self._taken.add(free.casefold())
        return free
