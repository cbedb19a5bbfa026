# SPDX-License-Identifier: Apache-2.0
"""What all tests share: where things are, and which tests this machine can run."""

from __future__ import annotations

import importlib.util
import os
import signal
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def _have(*modules: str) -> bool:
    return all(importlib.util.find_spec(module) is not None for module in modules)


# A shell starts background jobs with Ctrl-C ignored, and children inherit that: the tests that send
# it would wait for nothing.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> list[str]:
    official = os.environ.get("PPOCRVL_OFFICIAL_FILES", "not set: their tests are skipped")
    reference = "found" if _have("torch", "transformers") else "not installed: tests skipped"
    return [f"official files: {official}", f"reference (torch, transformers): {reference}"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if _have("torch", "transformers"):
        return
    skip = pytest.mark.skip(reason='needs torch and transformers: pip install ".[reference]"')
    for item in items:
        if item.get_closest_marker("reference"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The checkout that the tests belong to."""
    return ROOT


@pytest.fixture(scope="session")
def samples(project_root: Path) -> Path:
    """The folder of sample pictures."""
    return project_root / "samples"


@pytest.fixture(scope="session")
def official_files() -> Path:
    """The official checkpoint's configuration and tokenizer files, without weights."""
    named = os.environ.get("PPOCRVL_OFFICIAL_FILES")
    if not named or not Path(named).is_dir():
        pytest.skip("PPOCRVL_OFFICIAL_FILES does not name a folder")
    return Path(named)


@pytest.fixture(scope="session")
def tiny_checkpoint(project_root: Path) -> Path:
    """The built-in model as a checkpoint."""
    return project_root / "models" / "tiny-en"
