# SPDX-License-Identifier: Apache-2.0
"""Tells want of memory from other faults."""

from __future__ import annotations

import mmap
import os
import sys

_NUMPY_BYTES = 96 << 20
"""Of address space: importing numpy 2.4 with one thread of OpenBLAS takes 85 MiB on x86-64."""


def make_room_for_numpy() -> None:
    """Look whether numpy can be imported, where the address space is limited (RLIMIT_AS).

    OpenBLAS, which numpy loads, ends the process itself where memory does not suffice. For each
    thread it takes some 40 MiB; here it gets one, unless OPENBLAS_NUM_THREADS says otherwise.

    Raises:
        MemoryError: it cannot.
    """
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - is not there on Windows

    if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        return
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        mmap.mmap(-1, _NUMPY_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except OSError as error:
        raise MemoryError("not enough address space for numpy") from error


def wants_memory(error: BaseException) -> bool:
    """Whether memory did not suffice: for an object, a thread, or a library that was loaded.

    Python says of the latter two only what the C library said: an error of its text alone.
    """
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, ImportError):
        chain = [str(error), str(error.__cause__ or error.__context__)]
        # glibc's words; on a disk mounted with noexec it adds that the operation is not permitted.
        return any("failed to map segment" in one and "not permitted" not in one for one in chain)
    return isinstance(error, RuntimeError) and "can't start new thread" in str(error)
