# SPDX-License-Identifier: Apache-2.0
"""A replica that says which process it is, and falls ill when it is told to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ppocrvl.batch.serve import Replica

if TYPE_CHECKING:
    from ppocrvl.batch.serve_options import ServeOptions

FOLDER = "PPOCRVL_TEST_REPLICAS"
"""Environment variable with the folder of the files below."""


class Watched(Replica):
    """Writes a file PID, and cannot read any more once there is a file PID.ill."""

    async def __init__(self, options: ServeOptions) -> None:  # type: ignore[misc]
        await super().__init__(options)
        self._file = Path(os.environ[FOLDER], str(os.getpid()))
        self._file.touch()

    def check_health(self) -> None:
        if self._file.with_suffix(".ill").exists():
            assert self._state.service is not None
            self._state.service.health.failing = True
        super().check_health()
