# SPDX-License-Identifier: Apache-2.0
"""Where pulled models, and what the build compiles once per machine, are kept."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path


def cache_folder() -> Path:
    """PPOCRVL_CACHE_DIR, else `ppocrvl` in the user's cache: as the build has it."""
    named = os.environ.get("PPOCRVL_CACHE_DIR")
    if named:
        return Path(named).expanduser()
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "ppocrvl"


REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
"""OWNER/NAME on a hub."""


def models_folder() -> Path:
    """The folder of pulled models."""
    return cache_folder() / "models"


def repository_folder(repo: str) -> Path:
    """The folder of what was pulled of OWNER/NAME: a folder in it for each revision."""
    return models_folder() / repo.replace("/", "--")


def pulled_models() -> list[Path]:
    """The folders of pulled models, by name: `<owner>--<name>/<revision>`."""
    root = models_folder()
    return sorted(path for path in root.glob("*--*/*") if path.is_dir()) if root.is_dir() else []
