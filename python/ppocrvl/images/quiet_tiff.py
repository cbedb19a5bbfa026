# SPDX-License-Identifier: Apache-2.0
"""libtiff's messages stay off stderr: what is wrong with a file is said by the error.

libtiff prints unless its handlers are told otherwise, and those belong to the process. Pillow takes
the one for warnings away whenever it decodes a TIFF, and leaves the one for errors. Here that goes
the same way: one pointer, set once. To point descriptor 2 elsewhere for a while would swallow what
other threads print.
"""

from __future__ import annotations

import ctypes
from functools import cache

from PIL import _imaging


@cache
def silence_libtiff() -> None:
    """Take the error handler of the libtiff that Pillow has loaded away, once per process."""
    try:
        # A symbol is looked for in the library and in those that it depends on.
        set_handler = ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler
    except (OSError, AttributeError):
        return  # no libtiff, or linked in without a name: then it prints
    set_handler.argtypes = [ctypes.c_void_p]
    set_handler.restype = ctypes.c_void_p
    set_handler(None)
