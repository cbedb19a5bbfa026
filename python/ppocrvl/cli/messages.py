# SPDX-License-Identifier: Apache-2.0
"""What the commands say on stderr: one line each."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ppocrvl.errors import PpocrvlError


def report(error: PpocrvlError, program: str = "ppocrvl") -> int:
    """Print an error and give its exit code."""
    note(f"error: {' '.join(str(error).split())}", program)
    return error.exit_code


def note(text: str, program: str = "ppocrvl") -> None:
    """Print a line that is no result."""
    sys.stderr.write(f"{program}: {text}\n")
    sys.stderr.flush()
