# SPDX-License-Identifier: Apache-2.0
"""How long transformers' vision side takes, by hooks at its two ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ppocrvl.parity.reference import Reference


class EncodeClock:
    """Watches a reference.

    Attributes:
        seconds: from the start of the vision encoder to the end of the projector, the last time.
    """

    def __init__(self, reference: Reference) -> None:
        self.seconds = 0.0
        self._begin = 0.0
        inner: Any = reference._model.model  # noqa: SLF001 - the stages have no other handle
        inner.visual.register_forward_pre_hook(self._start)
        inner.projector.register_forward_hook(self._stop)

    def _start(self, *_: object) -> None:
        self._begin = time.perf_counter()

    def _stop(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._begin
