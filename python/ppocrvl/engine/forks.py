# SPDX-License-Identifier: Apache-2.0
"""What belongs to the process that made it: a forked child has none of its threads."""

from __future__ import annotations

import os

from ppocrvl.errors import EngineError


class Home:
    """The process in which it was made."""

    def __init__(self) -> None:
        self._process = os.getpid()

    def is_here(self) -> bool:
        """Whether that is this one."""
        return os.getpid() == self._process

    def check(self) -> None:
        """Makes sure of it.

        Raises:
            EngineError: this is a forked child.
        """
        if not self.is_here():
            raise EngineError(
                "this process was forked from the one that made the engine, whose threads it does "
                "not have; make the Engine after the fork"
            )
