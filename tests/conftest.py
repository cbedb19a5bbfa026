# SPDX-License-Identifier: Apache-2.0
"""What all tests share: where things are, and which tests this machine can run."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
from pathlib import Path

import hypothesis
import pytest
from tests.not_run import OFFICIAL_FILES, TORCH, NotRun

# A machine that is busy is no failure.
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")

ROOT = Path(__file__).resolve().parent.parent


def _have(*modules: str) -> bool:
    return all(importlib.util.find_spec(module) is not None for module in modules)


# A shell starts background jobs with Ctrl-C ignored, and children inherit that: the tests that send
# it would wait for nothing.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(NotRun())


def pytest_report_header() -> list[str]:
    official = os.environ.get("PPOCRVL_OFFICIAL_FILES", "not set: their tests are skipped")
    reference = "found" if _have("torch", "transformers") else "not installed: tests skipped"
    return [f"official files: {official}", f"reference (torch, transformers): {reference}"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.option.markexpr != "full":
        for item in items:
            if item.get_closest_marker("full"):
                item.add_marker(
                    pytest.mark.skip(reason="needs 20 GB of disk and memory: pytest -m full")
                )
    if _have("torch", "transformers"):
        return
    skip = pytest.mark.skip(reason=TORCH)
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
        pytest.skip(OFFICIAL_FILES)
    return Path(named)


@pytest.fixture(scope="session")
def tiny_checkpoint(project_root: Path) -> Path:
    """The built-in model as a checkpoint."""
    return project_root / "models" / "tiny-en"


@pytest.fixture(scope="session")
def endless_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model of random weights: its answers are noise, and go on until `max_tokens`."""
    import gguf

    import ppocrvl  # not for tests that need no package
    from synthetic_checkpoint import SIZES, resized, write_synthetic_checkpoint

    checkpoint = tmp_path_factory.mktemp("checkpoint")
    folder = tmp_path_factory.mktemp("endless")
    # A context that the fastest machine does not fill while a test looks.
    sizes = {"text.max_position_embeddings": 65_536}
    write_synthetic_checkpoint(checkpoint, resized(SIZES["tiny"], sizes))
    files = ppocrvl.export(checkpoint, folder)
    # The end of an answer has the logit 0, which is never the highest of some thousand random ones.
    tensors = {one.name: one for one in gguf.GGUFReader(files.llm, "r+").tensors}
    tensors["output.weight"].data[2] = 0  # </s>
    return folder


@pytest.fixture(scope="session")
def stock_tools(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of upstream's programs; compiled the first time, some 10 minutes."""
    build = tmp_path_factory.mktemp("tools")
    command = ["cmake", "-G", "Ninja", "-S", str(project_root), "-B", str(build)]
    command += ["-DPPOCRVL_BUILD_TOOLS=ON", "-DCMAKE_BUILD_TYPE=Release"]
    command += ["-DPPOCRVL_BUILD_PYTHON=OFF"]
    done = subprocess.run(command, check=True, timeout=3000, capture_output=True, text=True)
    place = re.search(r"programs in (.+)", done.stdout)
    assert place is not None, done.stdout
    return Path(place[1])
