# SPDX-License-Identifier: Apache-2.0
"""Want of memory, as Python and the C library tell of it."""

from __future__ import annotations

import pytest

from ppocrvl.support.memory import wants_memory

SEGMENT = "libx.so: failed to map segment from shared object"


@pytest.mark.parametrize(
    ("error", "wants"),
    [
        (MemoryError(), True),
        (ImportError(SEGMENT), True),
        (ImportError(f"{SEGMENT}: Cannot allocate memory"), True),
        (ImportError(f"{SEGMENT}: Operation not permitted"), False),  # mounted with noexec
        (ImportError("libx.so: cannot open shared object file"), False),
        (RuntimeError("can't start new thread"), True),
        (RuntimeError("another"), False),
        (ValueError("can't start new thread"), False),
    ],
)
def test_errors(error: Exception, *, wants: bool) -> None:
    assert wants_memory(error) == wants


def test_a_package_that_wraps_the_error_of_its_library() -> None:
    """As numpy does, with many lines of advice."""
    wrapped = ImportError("Importing the numpy C-extensions failed.")
    wrapped.__cause__ = ImportError(SEGMENT)
    assert wants_memory(wrapped)
