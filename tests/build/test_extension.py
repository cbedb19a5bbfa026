# SPDX-License-Identifier: Apache-2.0
"""What the built extension shows to the rest of the process."""

from __future__ import annotations

import ctypes
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest

from ppocrvl import _native

if TYPE_CHECKING:
    from pathlib import Path


def test_version_stands_in_pyproject_only(project_root: Path) -> None:
    project = tomllib.loads((project_root / "pyproject.toml").read_text())["project"]
    assert _native.__version__ == project["version"]


@pytest.mark.skipif(sys.platform == "win32", reason="symbols are hidden by default")
def test_llama_cpp_is_invisible_to_other_libraries() -> None:
    library = ctypes.CDLL(_native.__file__)
    assert hasattr(library, "PyInit__native")
    for symbol in ("llama_backend_init", "ggml_init", "clip_init", "mtmd_init_from_file"):
        assert not hasattr(library, symbol), symbol
