# SPDX-License-Identifier: Apache-2.0
"""Out of memory, told from damage."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from ppocrvl.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_BYTES_PER_PIXEL = 32
"""What the hungriest decoder, OpenJPEG's, and Pillow take for a pixel with alpha, rounded up."""

_LEAST_BYTES = 8 << 20
"""What decoders take for a picture of any size: windows, tables, threads."""


@contextmanager
def memory_wanted(what_for: str) -> Iterator[None]:
    """Within it, a MemoryError comes out as an EngineError that says what the memory was for.

    Raises:
        EngineError: not enough memory.
    """
    try:
        yield
    except MemoryError as error:
        raise EngineError(
            f"not enough memory {what_for}; free some, or give a smaller image"
        ) from error


@contextmanager
def decoding(width: int, height: int) -> Iterator[None]:
    """Within it, a decoder that runs out of memory comes out as a MemoryError.

    Most decoders call that a broken file. So after each failure this asks whether as much memory
    as a picture of this size may take could be had: if not, nothing is known against the file.

    Args:
        width: pixels of the picture.
        height: pixels of the picture.
    """
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        try:
            # Never touched: it costs nothing.
            np.empty(_LEAST_BYTES + MOST_BYTES_PER_PIXEL * width * height, np.uint8)
        except MemoryError:
            raise MemoryError from error
        raise
