# SPDX-License-Identifier: Apache-2.0
"""Tells want of memory from other faults."""

from __future__ import annotations


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
