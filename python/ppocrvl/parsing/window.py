# SPDX-License-Identifier: Apache-2.0
"""How much is held at once between a document and its reader."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """What a page weighs, or what a window bears.

    Attributes:
        pages: begun and not handed out yet.
        blocks: that wait to be read, or are being read.
        n_bytes: pixels of the pages and of their pictures.
    """

    pages: int = 0
    blocks: int = 0
    n_bytes: int = 0


class Window:
    """Lets a further page in while less than the limit is held; one page may go beyond it.

    Safe to use from several threads.
    """

    def __init__(self, limit: Load) -> None:
        self._limit = limit
        self._held = Load()
        self._is_closed = False
        self._changed = threading.Condition()

    @property
    def held(self) -> Load:
        """What is held now."""
        return self._held

    def enter(self) -> bool:
        """Waits until there is room for a page, and counts it; False where the window is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._has_room())
            if not self._is_closed:
                self._add(Load(pages=1), 1)
            return not self._is_closed

    def take(self, load: Load) -> None:
        """This is held as well; never waits, as it is part of a page that was let in."""
        with self._changed:
            self._add(load, 1)

    def give_back(self, load: Load) -> None:
        """This is held no more."""
        with self._changed:
            self._add(load, -1)
            self._changed.notify_all()

    def close(self) -> None:
        """Nobody is let in any more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _has_room(self) -> bool:
        held, limit = self._held, self._limit
        return (
            held.pages < limit.pages and held.blocks < limit.blocks and held.n_bytes < limit.n_bytes
        )

    def _add(self, load: Load, sign: int) -> None:
        held = self._held
        self._held = Load(
            held.pages + sign * load.pages,
            held.blocks + sign * load.blocks,
            held.n_bytes + sign * load.n_bytes,
        )
