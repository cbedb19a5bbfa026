# SPDX-License-Identifier: Apache-2.0
"""Importing ppocrvl is quick, and its names are there."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import ppocrvl

LIMIT_SECONDS = 0.15
HEAVY = (
    *("numpy", "PIL", "gguf", "argparse", "ppocrvl._native", "huggingface_hub", "torch"),
    *("starlette", "uvicorn", "pydantic", "prometheus_client", "httpx2", "httpcore2", "asyncio"),
    *("ray", "pyarrow", "av"),
)


def python(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=600
    )
    return done.stdout.strip()


def test_import_loads_nothing_heavy() -> None:
    code = f"import sys, ppocrvl; print([name for name in {HEAVY} if name in sys.modules])"
    assert python(code) == "[]"


def test_import_is_quick() -> None:
    """Processor time, the best of five: a busy machine must not decide."""
    code = "import time; t = time.process_time(); import ppocrvl; print(time.process_time() - t)"
    assert min(float(python(code)) for _ in range(5)) < LIMIT_SECONDS


def test_every_public_name_is_there() -> None:
    for name in ppocrvl.__all__:
        assert getattr(ppocrvl, name) is not None
    assert set(ppocrvl.__all__) <= set(dir(ppocrvl))


def test_install_hints_work_for_a_wheel() -> None:
    """`.[server]` means the source folder that who installed a wheel does not have."""
    package = Path(str(ppocrvl.__file__)).parent
    hints = [
        (path.name, hint)
        for path in package.rglob("*.py")
        for hint in re.findall(r"pip install \S*\[.*", path.read_text(encoding="utf-8"))
    ]
    assert len(hints) >= 6
    assert [hint for hint in hints if not hint[1].startswith('pip install "ppocrvl[')] == []


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = ppocrvl.nonsense


def test_public_names_stay_what_they_are_when_every_module_is_imported() -> None:
    """The import system sets a package's attribute to each module of that name."""
    code = (
        "import importlib, pkgutil, types, ppocrvl\n"
        "for one in pkgutil.walk_packages(ppocrvl.__path__, 'ppocrvl.'):\n"
        "    if '__main__' in one.name or one.name == 'ppocrvl.parity.reference':\n"
        "        continue\n"
        "    try: importlib.import_module(one.name)\n"
        "    except ImportError as error:\n"  # an extra that is not installed
        "        assert not str(error.name).startswith('ppocrvl'), error\n"
        "print([n for n in ppocrvl.__all__ if isinstance(getattr(ppocrvl, n), types.ModuleType)])"
    )
    assert python(code) == "[]"


def test_package_is_typed() -> None:
    assert (Path(str(importlib.import_module("ppocrvl").__file__)).parent / "py.typed").is_file()


def test_missing_compiled_module_gives_a_diagnosis() -> None:
    code = (
        "import sys; sys.modules['ppocrvl._native'] = None\n"
        "import ppocrvl\n"
        "try: ppocrvl.Engine\n"
        "except ppocrvl.EngineError as error: print(error)"
    )
    message = python(code)
    assert "compiled module of ppocrvl" in message
    assert "pip install" in message


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is Linux's")
def test_compiled_module_that_memory_does_not_suffice_for() -> None:
    code = (
        "import logging, resource, ppocrvl.errors, ppocrvl.support.variants\n"
        "pages = int(open('/proc/self/statm').read().split()[0])\n"
        "most = pages * resource.getpagesize() + (4 << 20)\n"  # the module has some 9 MB
        "resource.setrlimit(resource.RLIMIT_AS, (most, most))\n"
        "try: import ppocrvl.support.native\n"
        "except ppocrvl.EngineError as error: print(error)"
    )
    message = python(code)
    assert "not enough memory" in message
    assert "pip install" not in message
