# SPDX-License-Identifier: Apache-2.0
"""Fetches real documents from Debian and PyPI, by their own clients. None of them is committed."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SDISTS = ("ocrmypdf==17.13.0", "pypdf==7.1.1")
DEBIAN = ("bash-doc", "gnuplot-doc")


def fetch(folder: Path) -> None:
    """Unpacks each package into a folder of its name, unless that is there already."""
    for requirement in SDISTS:
        _once(folder / requirement.split("==")[0], _unpack_sdist, requirement)
    for package in DEBIAN:
        _once(folder / package, _unpack_debian, package)


def _once(target: Path, unpack: Callable[[str, Path], None], what: str) -> None:
    """Beside its place first, so that what is there is whole."""
    if target.is_dir():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        unpack(what, Path(name))
        (Path(name) / "unpacked").rename(target)


def _unpack_sdist(requirement: str, folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--no-binary", ":all:", "--dest", str(folder), requirement]
    subprocess.run(command, check=True)
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        archive.extractall(folder / "unpacked", filter="data")


def _unpack_debian(package: str, folder: Path) -> None:
    download = ["apt-get", "download", "--quiet", package]
    subprocess.run(download, cwd=folder, check=True)
    unpack = ["dpkg", "-x", next(folder.glob("*.deb")).name, "unpacked"]
    subprocess.run(unpack, cwd=folder, check=True)
