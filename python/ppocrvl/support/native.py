# SPDX-License-Identifier: Apache-2.0
"""The one way to the compiled module: `from ppocrvl.support.native import _native`.

Importing this raises EngineError, with what to do, when the module is missing or cannot be loaded.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from ppocrvl.errors import EngineError
from ppocrvl.support.memory import wants_memory
from ppocrvl.support.variants import load_variant

__all__ = ["_native"]


def _diagnosis(error: ImportError) -> str:
    if wants_memory(error):
        return f"there is not enough memory to load the compiled module of ppocrvl ({error})"
    built = sorted(path.name for path in Path(__file__).parent.parent.glob("_native*"))
    libraries = [name for name in built if not name.endswith(".pyi")]
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if libraries:
        return (
            f"the compiled module of ppocrvl cannot be loaded in Python {version} ({error}; found "
            f"{', '.join(libraries)}); rebuild it with this Python: "
            "pip install --force-reinstall --no-cache-dir ppocrvl"
        )
    return (
        f"the compiled module of ppocrvl is missing ({error}); install the package, do not run it "
        "from its source folder: pip install ."
    )


try:
    load_variant()
    from ppocrvl import _native
except ImportError as error:
    raise EngineError(_diagnosis(error)) from error

_logger = logging.getLogger("ppocrvl")
_logger.addHandler(logging.NullHandler())  # silent unless the program asks for logs
_native.set_log_callback(_logger.log)
