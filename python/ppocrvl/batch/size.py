# SPDX-License-Identifier: Apache-2.0
"""How many documents a corpus has, counted beside the run: the listing itself never hurries on."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from ppocrvl.batch.listing import list_documents
from ppocrvl.errors import PpocrvlError
from ppocrvl.support.closing import Closing

if TYPE_CHECKING:
    from ppocrvl.batch.settings import Settings


class CorpusSize(Closing):
    """Counts in a thread of its own; only names are looked at.

    Args:
        settings: of the run.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._documents: int | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._count, name="corpus size", daemon=True)
        self._thread.start()

    @property
    def documents(self) -> int | None:
        """How many there are; None as long as it is not known."""
        return self._documents

    def wait(self) -> None:
        """Until they are counted."""
        self._thread.join()

    def close(self) -> None:
        """Stops counting. A second time does nothing."""
        self._closing = True
        self._thread.join()

    def _count(self) -> None:
        n_documents = 0
        try:
            for _ in list_documents(self._settings.inputs, self._settings.base):
                if self._closing:
                    return
                n_documents += 1
        except (PpocrvlError, OSError):  # the run itself finds it, and says so
            return
        self._documents = n_documents
