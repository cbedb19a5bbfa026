# SPDX-License-Identifier: Apache-2.0
"""Whether the engine can read: found out by asking it, not by what one request came to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ppocrvl.server.logs import LOGGER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PROBE_SECONDS = 5.0


class Health:
    """What is known of the engine.

    A reading that failed says little: its picture may have been too large for the memory of that
    moment. A balancer that is told "503" sends no further one, whose success would say more. So
    after a failure the engine is made to read a small picture, again and again until it can.

    Attributes:
        failing: whether the engine failed the last time that it was asked.
    """

    def __init__(
        self, probe: Callable[[], Awaitable[object]], seconds: float = PROBE_SECONDS
    ) -> None:
        """All is well so far.

        Args:
            probe: lets the engine read a small picture, and raises if it cannot.
            seconds: between two of them.
        """
        self._probe = probe
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None
        self.failing = False

    def note_success(self) -> None:
        """A picture was read."""
        self.failing = False

    def note_failure(self) -> None:
        """The engine failed with a picture: is it the engine, or the picture?"""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._find_out())

    def close(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()

    async def _find_out(self) -> None:
        while True:
            try:
                await self._probe()
            except Exception:  # noqa: BLE001 - whatever it is, the engine cannot read
                LOGGER.exception("probe failed")
                self.failing = True
                await asyncio.sleep(self._seconds)
            else:
                self.failing = False
                return
