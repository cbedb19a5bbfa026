# SPDX-License-Identifier: Apache-2.0
"""Memory for small things where there is none for large ones.

Where a picture finds no memory, that picture is answered with an error. To say so, Python needs
some kilobytes at many places, asyncio's loop among them, and where it cannot have them the server
ends; so does the C library, which has no other way, where a thread throws its first C++ exception.
"""

from __future__ import annotations

import ctypes
import sys

RESERVE_BYTES = 16 << 20
"""Of address space; no memory is used until somebody needs it."""

_LARGE = 64 << 10  # bytes; asyncio receives half of it at once
_TOP_PAD, _MMAP_THRESHOLD, _ARENA_MAX = -2, -3, -8  # malloc.h


def keep_reserve() -> None:
    """Has the C library keep room for small pieces, and give large ones back to the system.

    The heap grows by the reserve each time, before others have taken all there is; what is large
    is put outside it unless it fits in. All threads share it. To be called before there are
    threads. Does nothing where the C library is not glibc.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):
        return
    libc.mallopt(_ARENA_MAX, 1)
    libc.mallopt(_MMAP_THRESHOLD, _LARGE)
    libc.mallopt(_TOP_PAD, RESERVE_BYTES)
    libc.malloc.restype = ctypes.c_void_p
    libc.free.argtypes = (ctypes.c_void_p,)
    # More than the heap has room for now, so that it grows.
    for piece in [libc.malloc(_LARGE // 2) for _ in range(256)]:
        libc.free(piece)
